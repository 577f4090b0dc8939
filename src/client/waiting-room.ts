import { OnlyonceError } from '../core/errors.ts'
import { sleep } from '../core/runtime.ts'
import type { Tell } from './listening.ts'
import type { ResolvedClient } from './options.ts'
import { jitterMs } from './pause.ts'
import type { QueuedCall, Redelivered } from './types.ts'

/** Calls that wait in this process's memory to be sent again. A crash loses them. */
export interface WaitingRoom {
  readonly size: number
  /** @throws OnlyonceError CLOSED; STORE_UNAVAILABLE when it is full */
  add(call: QueuedCall, tell: Tell): void
  /** Sends nothing more, and waits for what is under way. What is left is told to be dropped. */
  close(): Promise<void>
}

export function createWaitingRoom(
  deliver: (call: QueuedCall) => Promise<Redelivered>,
  options: ResolvedClient,
): WaitingRoom {
  const { runtime, maxQueued } = options
  const waiting = new Map<string, Promise<void>>()
  const closing = new AbortController()

  async function keepTrying(call: QueuedCall, tell: Tell): Promise<void> {
    for (let failures = 1; ; failures++) {
      await sleep(runtime, jitterMs(runtime, options, failures), closing.signal)
      if (closing.signal.aborted) return tell({ type: 'dropped', reason: 'the client was closed' })
      const end = await deliver(call)
      if (end.ok) return tell({ type: 'delivered' })
      if (end.permanent) return tell({ type: 'dropped', reason: end.reason })
    }
  }

  return {
    get size() {
      return waiting.size
    },
    add(call, tell) {
      if (closing.signal.aborted) throw new OnlyonceError('CLOSED', 'the client was closed; make a new one')
      // The same key, method, URL and body: it is on its way already.
      if (waiting.has(call.id)) return
      if (waiting.size >= maxQueued) {
        const message = `${maxQueued} calls wait already (maxQueued), and this one was not kept`
        throw new OnlyonceError('STORE_UNAVAILABLE', message)
      }
      waiting.set(
        call.id,
        keepTrying(call, tell).finally(() => waiting.delete(call.id)),
      )
    },
    async close() {
      closing.abort()
      await Promise.all(waiting.values())
    },
  }
}
