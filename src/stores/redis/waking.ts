import type { OperationId } from '../../core/record.ts'
import { idIn } from './keys.ts'
import type { RedisPort } from './port.ts'

/** Wakes waiters for an operation in this process, on changes by this process or from the channel. */
export interface Waking {
  readonly channel: string
  watch(id: OperationId, call: () => void): () => void
  wake(ids: Iterable<OperationId>): void
  close(): void
}

/** How long the subscription outlives its last waiter: a waiter that polls the store in between soon comes back. */
const LINGER_MS = 5_000
/** Pause after a failed subscription: a hint is not worth a storm of connections. Waiters poll meanwhile. */
const PAUSE_MS = 1_000

/** Keeps one subscription for all waiters, opened for the first of them and closed a while after the last. */
export function createWaking(port: Pick<RedisPort, 'subscribe'>, channel: string): Waking {
  const watchers = new Map<OperationId, Set<() => void>>()
  let subscription: AbortController | undefined
  let cancelLinger = () => {}
  let closed = false

  function listen(): void {
    if (closed || subscription !== undefined) return
    const own = new AbortController()
    subscription = own
    port.subscribe(channel, hear, own.signal).then(
      // An operation settled between the waiter's claim and the subscription was published to nobody.
      () => wake([...watchers.keys()]),
      () => later(PAUSE_MS, () => again(own)),
    )
  }

  function again(failed: AbortController): void {
    if (subscription !== failed) return
    subscription = undefined
    if (watchers.size > 0) listen()
  }

  function hear(message: string): void {
    const id = idIn(message)
    if (id !== undefined) wake([id])
  }

  function wake(ids: Iterable<OperationId>): void {
    if (watchers.size === 0) return
    for (const id of ids) for (const call of [...(watchers.get(id) ?? [])]) call()
  }

  function leave(): void {
    cancelLinger()
    subscription?.abort()
    subscription = undefined
  }

  return {
    channel,
    watch(id, call) {
      const calls = watchers.get(id) ?? new Set()
      watchers.set(id, calls.add(call))
      cancelLinger()
      listen()
      return () => {
        if (!calls.delete(call)) return
        if (calls.size === 0 && watchers.get(id) === calls) watchers.delete(id)
        if (watchers.size > 0) return
        cancelLinger()
        cancelLinger = later(LINGER_MS, leave)
      }
    },
    wake,
    close() {
      closed = true
      watchers.clear()
      leave()
    },
  }
}

/** A timer that does not keep the process alive, since no caller waits for it. */
function later(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms)
  timer.unref()
  return () => clearTimeout(timer)
}
