import type { Runtime } from './runtime.ts'

/** The promise's answer, or `tooLate()` thrown after `ms`. A late answer is dropped, never an unhandled rejection. */
export function timeLimit<T>(runtime: Runtime, promise: Promise<T>, ms: number, tooLate: () => unknown): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cancel = runtime.after(ms, () => reject(tooLate()))
    promise.then(
      (value) => {
        cancel()
        resolve(value)
      },
      (error) => {
        cancel()
        reject(error)
      },
    )
  })
}

/** Grows from `firstMs` by 1.6 each time up to `capMs`, taking 50 to 100 % of it at random so that callers spread out. */
export function backoff(runtime: Runtime, firstMs: number, capMs: number): () => number {
  let ceiling = firstMs
  return () => {
    const delay = ceiling * (0.5 + runtime.random() / 2)
    ceiling = Math.min(ceiling * 1.6, capMs)
    return delay
  }
}
