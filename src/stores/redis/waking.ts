import type { OperationId } from '../../core/record.ts'
import { idIn } from './keys.ts'
import type { RedisPort } from './port.ts'

/** Who waits for an operation in this process, told by this process or by the channel. */
export interface Waking {
  readonly channel: string
  watch(id: OperationId, call: () => void): () => void
  wake(ids: Iterable<OperationId>): void
  close(): Promise<void>
}

/** A waiter looks again in between and comes back: it finds the channel still open. */
const LINGER_MS = 5_000
/** After a subscription failed. Waiters poll meanwhile. */
const PAUSE_MS = 1_000

/** One subscription for all of them, made when somebody waits and given up when nobody has for a while. */
export function createWaking(port: RedisPort, channel: string): Waking {
  const watchers = new Map<OperationId, Set<() => void>>()
  let subscription: Promise<(() => Promise<void>) | undefined> | undefined
  let cancelLinger = () => {}
  let closed = false

  function listen(): void {
    cancelLinger()
    if (closed) return
    subscription ??= port.subscribe(channel, hear).then(
      (end) => {
        // Whoever was settled between the look and the subscription published to nobody.
        wake([...watchers.keys()])
        return end
      },
      () => {
        // The next waiter tries again, not before a moment: a hint is not worth a storm of connections.
        cancelLinger = later(PAUSE_MS, () => {
          subscription = undefined
          if (watchers.size > 0) listen()
        })
        return undefined
      },
    )
  }

  function hear(message: string): void {
    const id = idIn(message)
    if (id !== undefined) wake([id])
  }

  function wake(ids: Iterable<OperationId>): void {
    if (watchers.size === 0) return
    for (const id of ids) for (const call of [...(watchers.get(id) ?? [])]) call()
  }

  async function leave(): Promise<void> {
    cancelLinger()
    const ending = subscription
    subscription = undefined
    const end = await ending
    // A connection that is gone cannot be told that we leave it.
    await end?.().catch(() => {})
  }

  return {
    channel,
    watch(id, call) {
      const calls = watchers.get(id) ?? new Set()
      watchers.set(id, calls.add(call))
      listen()
      return () => {
        if (!calls.delete(call)) return
        if (calls.size === 0 && watchers.get(id) === calls) watchers.delete(id)
        if (watchers.size > 0) return
        cancelLinger()
        cancelLinger = later(LINGER_MS, () => void leave())
      }
    },
    wake,
    async close() {
      closed = true
      watchers.clear()
      await leave()
    },
  }
}

/** A timer that keeps nobody alive: no caller waits for it. */
function later(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms)
  timer.unref()
  return () => clearTimeout(timer)
}
