import type { Runtime } from './runtime.ts'

export interface Backoff {
  readonly backoffMs: number
  readonly maxBackoffMs: number
}

/** Keeps the product a number; the maximum is reached long before. */
const MOST_DOUBLINGS = 50

/** Returns the longest pause after so many failures: it doubles with each one after the first. */
export function ceilingMs({ backoffMs, maxBackoffMs }: Backoff, failures: number): number {
  return Math.min(maxBackoffMs, backoffMs * 2 ** Math.min(failures - 1, MOST_DOUBLINGS))
}

/** Returns a pause between 0 and the ceiling, all equally likely: those who failed together do not retry together. */
export function fullJitterMs(runtime: Runtime, backoff: Backoff, failures: number): number {
  return runtime.random() * ceilingMs(backoff, failures)
}

/** Returns a function that gives the next delay: 50 to 100 % at random of a ceiling that grows by 1.6 up to `capMs`. */
export function backoff(runtime: Runtime, firstMs: number, capMs: number): () => number {
  let ceiling = firstMs
  return () => {
    const delay = ceiling * (0.5 + runtime.random() / 2)
    ceiling = Math.min(ceiling * 1.6, capMs)
    return delay
  }
}
