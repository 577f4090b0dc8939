const known = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Returns the set of functions called when `signal` aborts. They share one listener that is never removed, since
 * EventTarget searches all its listeners to remove one.
 */
export function stopsOf(signal: AbortSignal): Set<() => void> {
  const before = known.get(signal)
  if (before !== undefined) return before
  const stops = new Set<() => void>()
  known.set(signal, stops)
  signal.addEventListener('abort', () => {
    for (const stop of stops) stop()
  })
  return stops
}
