const known = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * What is called when `signal` aborts. One listener for all of them and for as long as the signal lives, since EventTarget
 * walks along its listeners for each that goes.
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
