import { defaultMaxListeners, getMaxListeners, setMaxListeners } from 'node:events'

/** As many as `fetch` allows on a signal. */
const MOST_LISTENERS = 1_500

/** Makes a signal fit for many calls at a time, as `fetch` does: from eleven on, Node 20 would warn of a leak. */
export function forMany(signal: AbortSignal | undefined): void {
  try {
    if (signal !== undefined && getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(MOST_LISTENERS, signal)
  } catch {
    // A signal that is not Node's own does not warn.
  }
}

export interface Following {
  /** Removes the listener. */
  stop(): void
  /** Keeps the listener until this object is garbage-collected. */
  whileAlive(one: object): void
}

const stops = new FinalizationRegistry<() => void>((stop) => stop())
const followers = new WeakMap<object, AbortController>()

/**
 * Aborts `own` when `signal` aborts. Not by `AbortSignal.any`: on Node 20 its result lives as long as its longest-lived
 * source. The listener holds a weak reference, because a signal may live as long as the process and no event tells when
 * an answer has been read.
 */
export function follow(signal: AbortSignal | undefined, own: AbortController): Following {
  const stop = listen(signal, new WeakRef(own))
  return {
    stop,
    whileAlive(one) {
      followers.set(one, own)
      stops.register(one, stop)
    },
  }
}

/** A separate function: closures of one function share their variables, and these must not keep `own` alive. */
function listen(signal: AbortSignal | undefined, own: WeakRef<AbortController>): () => void {
  const abort = () => own.deref()?.abort(signal?.reason)
  if (signal?.aborted) abort()
  else signal?.addEventListener('abort', abort, { once: true })
  return () => signal?.removeEventListener('abort', abort)
}
