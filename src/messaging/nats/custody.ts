import type { Cancel, Runtime } from '../../core/runtime.ts'
import type { NatsConnection } from './client.ts'
import type { HeldMessage } from './held.ts'

/** All unsettled messages of this consumer, which are kept from redelivery to others. */
export interface Custody extends Iterable<HeldMessage> {
  readonly size: number
  add(held: HeldMessage): void
  /** The message is settled: stops extending it. */
  release(held: HeldMessage): void
  /** The message is no longer ours: the server is told nothing about it. */
  lose(held: HeldMessage): void
  stop(): void
}

/** What a client sends for `working()`. */
const IN_PROGRESS = '+WPI'
const ASKS_PER_ACK_WAIT = 6

/**
 * Asks the server in time for another ack wait. Its answer never says that a message has gone to somebody else: it
 * confirms a stale request like a valid one. So an answer counts only if it comes before the current deadline, and the
 * new deadline is counted from when the request was sent.
 */
export function createCustody(
  connection: NatsConnection,
  runtime: Runtime,
  onLost: (held: HeldMessage) => void,
): Custody {
  const all = new Set<HeldMessage>()
  let timer: Cancel | undefined
  let stopped = false

  const everyMs = ({ ackWaitMs }: HeldMessage) => ackWaitMs / ASKS_PER_ACK_WAIT

  function arm(): void {
    const [oldest] = all
    if (stopped || timer !== undefined || oldest === undefined) return
    timer = runtime.after(everyMs(oldest), () => {
      timer = undefined
      check()
      arm()
    })
  }

  function check(): void {
    for (const held of [...all]) {
      if (!held.isOurs()) lose(held)
      else if (!held.asking && held.deadline - runtime.elapsed() < (held.ackWaitMs * 2) / 3) void prolong(held)
    }
  }

  async function prolong(held: HeldMessage): Promise<void> {
    held.asking = true
    const askedAt = runtime.elapsed()
    try {
      await connection.request(held.message.reply ?? '', IN_PROGRESS, { timeout: everyMs(held) })
      if (held.isOurs()) held.deadline = askedAt + held.ackWaitMs
    } catch {
      // Asked again by the next check, until the deadline.
    }
    held.asking = false
  }

  function lose(held: HeldMessage): void {
    if (!all.delete(held)) return
    held.lost = true
    onLost(held)
  }

  return {
    get size() {
      return all.size
    },
    [Symbol.iterator]: () => all.values(),
    add(held) {
      all.add(held)
      arm()
    },
    release(held) {
      all.delete(held)
    },
    lose,
    stop() {
      stopped = true
      timer?.()
    },
  }
}
