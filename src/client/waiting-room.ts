import { setMaxListeners } from 'node:events'
import { fullJitterMs } from '../core/backoff.ts'
import { OnlyonceError } from '../core/errors.ts'
import { sleep } from '../core/runtime.ts'
import type { Tell } from './listening.ts'
import type { ResolvedClient } from './options.ts'
import { inPlaceOf } from './queued-call.ts'
import type { QueuedCall, Redelivered } from './types.ts'

/** Calls that wait in this process's memory to be sent again. A crash loses them. */
export interface WaitingRoom {
  readonly size: number
  /**
   * `init`: the caller's other options of `fetch`; `askedMs`: the server's `Retry-After`.
   * @throws OnlyonceError CLOSED; STORE_UNAVAILABLE when it is full
   */
  add(call: QueuedCall, init: RequestInit, askedMs: number, tell: Tell): void
  /** Sends nothing more, waits for what is in progress, and emits `dropped` for the rest. */
  close(): Promise<void>
}

/** What to send next. */
interface Waiting {
  call: QueuedCall
  init: RequestInit
}

export function createWaitingRoom(
  deliver: (call: QueuedCall, init: RequestInit) => Promise<Redelivered>,
  options: ResolvedClient,
): WaitingRoom {
  const { runtime, maxQueued, maxQueuedMs } = options
  const waiting = new Map<string, Waiting & { readonly ended: Promise<void> }>()
  const closing = new AbortController()
  // Every waiting call listens; from the eleventh on, Node 20 would warn of a leak.
  setMaxListeners(0, closing.signal)

  async function keepTrying(one: Waiting, asked: number, tell: Tell): Promise<void> {
    let askedMs = asked
    const deadline = runtime.elapsed() + maxQueuedMs
    for (let failures = 1; ; failures++) {
      const pauseMs = askedMs + fullJitterMs(runtime, options, failures)
      const leftMs = deadline - runtime.elapsed()
      await sleep(runtime, Math.min(pauseMs, leftMs), closing.signal)
      if (closing.signal.aborted) return tell({ type: 'dropped', reason: 'the client was closed' })
      if (pauseMs > leftMs) return tell({ type: 'dropped', reason: `it was queued more than ${maxQueuedMs} ms ago` })
      const { call, init } = one
      const end = await deliver(call, init)
      if (end.ok) return tell({ type: 'delivered' })
      // Unless it was made anew meanwhile: that one was not refused yet.
      if (end.permanent && one.call === call) return tell({ type: 'dropped', reason: end.reason })
      askedMs = end.retryAfterMs ?? 0
    }
  }

  return {
    get size() {
      return waiting.size
    },
    add(call, init, askedMs, tell) {
      if (closing.signal.aborted) throw new OnlyonceError('CLOSED', 'the client was closed; make a new one')
      // Same key, method, URL and body: it waits already. Its headers may be others, such as a fresh credential.
      const known = waiting.get(call.id)
      if (known !== undefined) {
        known.call = inPlaceOf(known.call, call)
        known.init = init
        return
      }
      if (waiting.size >= maxQueued) {
        const message = `${maxQueued} calls wait already (maxQueued), and this one was not kept`
        throw new OnlyonceError('STORE_UNAVAILABLE', message)
      }
      const one: Waiting = { call, init }
      const ended = keepTrying(one, askedMs, tell).finally(() => waiting.delete(call.id))
      waiting.set(call.id, Object.assign(one, { ended }))
    },
    async close() {
      closing.abort()
      await Promise.all(Array.from(waiting.values(), ({ ended }) => ended))
    },
  }
}
