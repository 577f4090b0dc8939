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
