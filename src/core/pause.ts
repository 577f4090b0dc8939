import type { Cancel, Runtime } from './runtime.ts'

/** The wait of one loop that has nothing to do, which others can end. */
export interface Pause {
  /** Resolves after `ms`, or as soon as `end` is called. One wait at a time. */
  wait(ms: number): Promise<void>
  /** Ends the present wait; has no effect on the next one. */
  end(): void
}

export function createPause(runtime: Runtime): Pause {
  let end: Cancel = () => {}
  return {
    wait: (ms) =>
      new Promise((resolve) => {
        const cancel = runtime.after(ms, () => end())
        end = () => {
          cancel()
          end = () => {}
          resolve()
        }
      }),
    end: () => end(),
  }
}
