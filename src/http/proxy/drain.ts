import type { Runtime } from '../../core/runtime.ts'

/** Resolves with whether `work` settled within `ms`. */
export function drained(runtime: Runtime, work: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = runtime.after(ms, () => resolve(false))
    const end = () => {
      cancel()
      resolve(true)
    }
    work.then(end, end)
  })
}
