export interface Following {
  /** Listens no more. */
  stop(): void
  /** Listens for as long as this object lives. */
  whileAlive(one: object): void
}

const stops = new FinalizationRegistry<() => void>((stop) => stop())
const followers = new WeakMap<object, AbortController>()

/**
 * Aborts `own` when `signal` is aborted. By hand: on Node 20 what `AbortSignal.any` makes lives as long as its longest-lived
 * source. The listener keeps nothing alive, because a signal may live as long as the process and nobody is told when an
 * answer has been read.
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

/** A function of its own: closures of one function share what they refer to, and these must not refer to `own`. */
function listen(signal: AbortSignal | undefined, own: WeakRef<AbortController>): () => void {
  const abort = () => own.deref()?.abort(signal?.reason)
  if (signal?.aborted) abort()
  else signal?.addEventListener('abort', abort, { once: true })
  return () => signal?.removeEventListener('abort', abort)
}
