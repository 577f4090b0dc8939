import type { Runtime } from './runtime.ts'

/** Settles as `promise`, or rejects with `tooLate()` after `ms`. A late rejection is never reported as unhandled. */
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

/** Returns the time until `deadline` (by `elapsed()`) in whole milliseconds, so that equal limits share a timer. */
export function msUntil(runtime: Runtime, deadline: number): number {
  return Math.max(Math.ceil(deadline - runtime.elapsed()), 0)
}
