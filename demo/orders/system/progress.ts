import type { Report } from './messages.ts'

const EVERY_MS = 25

/** Reports progress to the supervisor, at most every `EVERY_MS`. */
export function createProgress() {
  let done = 0
  let timer: NodeJS.Timeout | undefined

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    if (done > 0) tell({ type: 'progress', done })
    done = 0
  }

  return {
    add(count: number): void {
      done += count
      timer ??= setTimeout(flush, EVERY_MS)
    },
    flush,
  }
}

/** Does nothing when the supervisor is gone: this process is about to end too. */
export function tell(report: Report): void {
  if (process.connected) process.send?.(report)
}
