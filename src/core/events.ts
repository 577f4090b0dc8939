import type { ErrorCode } from './errors.ts'
import { invalidOption } from './option-rules.ts'
import type { StoredResult } from './record.ts'
import { tell } from './reporting.ts'

interface About {
  readonly scope: string
  readonly key: string
}

/** What happened to an operation. Emitted by the engine, so that it is the same for every store. */
export type OnceEvent = About &
  (
    | { readonly type: 'claimed'; readonly attempt: number; readonly fence: number; readonly tookMs: number }
    | { readonly type: 'abandoned'; readonly attempt: number; readonly policy: 'retry' | 'hold' | 'reconcile' }
    | { readonly type: 'executed'; readonly attempt: number; readonly fence: number; readonly tookMs: number }
    | { readonly type: 'failed'; readonly error: unknown; readonly remembered: boolean; readonly tookMs: number }
    /**
     * A duplicate that did not run the effect; `joined` when a flight in this process answered it. With the result `unknown`
     * it got no answer: the operation waits for a decision.
     */
    | { readonly type: 'replayed'; readonly result: StoredResult['kind']; readonly joined: boolean }
    | { readonly type: 'in-flight'; readonly retryAfterMs: number }
    | { readonly type: 'mismatch' }
    | { readonly type: 'lease-lost'; readonly fence: number; readonly heldMs: number }
    | { readonly type: 'unknown' }
    /** The store was down and `onStoreDown: 'run'` let the effect run without protection. */
    | { readonly type: 'unprotected'; readonly error: unknown }
    /** A store call failed, after its retries. `code` is that of `error`, or STORE_UNAVAILABLE for any other error. */
    | { readonly type: 'store-failed'; readonly verb: string; readonly code: ErrorCode; readonly error: unknown }
  )

/**
 * Called with every event of an engine, before the call that caused it goes on. What it throws, or rejects with, goes
 * to `onListenerError` and changes nothing.
 */
export type OnceListener = (event: OnceEvent) => void

export interface Events {
  /** Whether there are listeners: without any, no event object need be made. */
  readonly heard: boolean
  emit(event: OnceEvent): void
  on(listener: OnceListener): () => void
}

/** Calls listeners one after the other. An error of one is reported, and affects no operation and no other listener. */
export function createEvents(onListenerError: (error: unknown) => void): Events {
  const listeners = new Set<{ readonly listener: OnceListener }>()
  return {
    get heard() {
      return listeners.size > 0
    },
    emit(event) {
      // A copy: a listener added during an event receives only the next one.
      for (const { listener } of [...listeners]) {
        tell(listener, event, onListenerError)
      }
    },
    on(listener) {
      // As to an EventEmitter: `on('executed', …)` would be called as a function and hear nothing.
      if (typeof listener !== 'function') {
        const rule = 'must be a function, which hears every event: `once.on((event) => …)`'
        throw invalidOption('listener', rule, listener)
      }
      const entry = { listener }
      listeners.add(entry)
      return () => void listeners.delete(entry)
    },
  }
}
