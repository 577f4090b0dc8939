import type { ErrorCode } from './errors.ts'

interface About {
  readonly scope: string
  readonly key: string
}

/** What happened to an operation, told by the engine, so every store tells the same. */
export type OnceEvent = About &
  (
    | { readonly type: 'claimed'; readonly attempt: number; readonly fence: number; readonly tookMs: number }
    | { readonly type: 'abandoned'; readonly attempt: number; readonly policy: 'retry' | 'hold' | 'reconcile' }
    | { readonly type: 'executed'; readonly attempt: number; readonly fence: number; readonly tookMs: number }
    | { readonly type: 'failed'; readonly error: unknown; readonly remembered: boolean; readonly tookMs: number }
    /** A duplicate that did not run the effect; `joined` when a flight in this process answered it. */
    | { readonly type: 'replayed'; readonly joined: boolean }
    | { readonly type: 'in-flight'; readonly retryAfterMs: number }
    | { readonly type: 'mismatch' }
    | { readonly type: 'lease-lost'; readonly fence: number; readonly heldMs: number }
    | { readonly type: 'unknown' }
    /** The store was down and `onStoreDown: 'run'` let the effect run without protection. */
    | { readonly type: 'unprotected'; readonly error: unknown }
    /** A store call failed; `code` is what the caller gets if asking again does not help. */
    | { readonly type: 'store-failed'; readonly verb: string; readonly code: ErrorCode; readonly error: unknown }
  )

export type OnceListener = (event: OnceEvent) => void

export interface Events {
  /** Whether anybody listens: an event that nobody hears need not be made. */
  readonly heard: boolean
  emit(event: OnceEvent): void
  on(listener: OnceListener): () => void
}

/** Listeners are called in turn; one that throws is reported and changes nothing for the operation or the others. */
export function createEvents(onListenerError: (error: unknown) => void): Events {
  const listeners = new Set<{ readonly listener: OnceListener }>()
  return {
    get heard() {
      return listeners.size > 0
    },
    emit(event) {
      // A copy: one that subscribes while it is told is told of the next event.
      for (const { listener } of [...listeners]) {
        try {
          reportRejection(onListenerError, listener(event))
        } catch (error) {
          report(onListenerError, error)
        }
      }
    },
    on(listener) {
      const entry = { listener }
      listeners.add(entry)
      return () => void listeners.delete(entry)
    },
  }
}

/** Runs a reporter of the user's. There is nobody left to tell when that throws too. */
export function report(reporter: (error: unknown) => void, error: unknown): void {
  try {
    reportRejection(() => {}, reporter(error))
  } catch {
    // Deliberately nothing: an operation must not fail because telemetry does.
  }
}

/** What a function of the user's answers; `undefined` when it throws, which is reported and changes nothing else. */
export function tried<T>(reporter: (error: unknown) => void, ask: () => T): T | undefined {
  try {
    return ask()
  } catch (error) {
    report(reporter, error)
    return undefined
  }
}

/** An async function fits where one without a result is asked for; its rejection must not end the process. */
export function reportRejection(reporter: (error: unknown) => void, returned: unknown): void {
  if (returned instanceof Promise) returned.catch((error) => report(reporter, error))
}
