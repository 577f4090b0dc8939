import type { Cancel, Runtime } from '../../core/runtime.ts'

export interface Silence {
  /** Asked when nothing was heard for long enough: whether that is nobody's fault, and the time begins again. */
  excused(): boolean
  /** Told once. */
  silent(): void
}

/** Tells when nothing was heard for `ms`. */
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
      // What was said while this process was busy with something else is heard in the next turn.
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
