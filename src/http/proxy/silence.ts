import type { Cancel, Runtime } from '../../core/runtime.ts'

export interface Silence {
  /** Called when the time may be over. Returns whether the silence is excused: then the time begins again. */
  excused(): boolean
  /** Called at most once, when `ms` are over without excuse. */
  silent(): void
}

/** Calls `silent` when `heard` was not called for `ms`. */
export function watch(
  runtime: Runtime,
  ms: number,
  { excused, silent }: Silence,
): { readonly heard: () => void; readonly stop: Cancel } {
  let at = runtime.elapsed()
  let cancel: Cancel = () => {}
  const wait = (left: number, sure: boolean) => {
    cancel = runtime.after(left, () => {
      if (excused()) at = runtime.elapsed()
      const quiet = runtime.elapsed() - at
      if (quiet < ms) wait(Math.ceil(ms - quiet), false)
      else if (sure) silent()
      // Data that arrived while the process was busy is handled only in the next turn.
      else wait(0, true)
    })
  }
  wait(ms, false)
  return {
    heard: () => {
      at = runtime.elapsed()
    },
    stop: () => cancel(),
  }
}
