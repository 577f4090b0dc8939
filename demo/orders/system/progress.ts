import type { Report } from './messages.ts'

const EVERY_MS = 25

/** Tells the supervisor how much was done, not more often than it can use. */
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

/** Nothing when the supervisor is gone: this process ends anyway. */
export function tell(report: Report): void {
  if (process.connected) process.send?.(report)
}
