import type { Runtime } from '../core/runtime.ts'

const MINUTE_MS = 60_000
/** Scopes counted at a time. Beyond it the oldest count is given up, so that scopes themselves cannot fill the memory. */
const MAX_SCOPES = 10_000

/** Counts what each scope starts in a minute. */
export interface KeyQuota {
  /** How long until the scope may start again: 0 for now. */
  waitMs(scope: string): number
  count(scope: string): void
}

/** A client that invents keys fills the store; this bounds how fast, for each scope and in this process. */
export function createKeyQuota(runtime: Runtime, perMinute: number): KeyQuota {
  const minutes = new Map<string, { readonly since: number; started: number }>()
  const current = (scope: string) => {
    const minute = minutes.get(scope)
    return minute !== undefined && runtime.elapsed() - minute.since < MINUTE_MS ? minute : undefined
  }
  return {
    waitMs(scope) {
      const minute = current(scope)
      return minute === undefined || minute.started < perMinute ? 0 : minute.since + MINUTE_MS - runtime.elapsed()
    },
    count(scope) {
      const minute = current(scope)
      if (minute !== undefined) {
        minute.started++
        return
      }
      minutes.delete(scope)
      if (minutes.size >= MAX_SCOPES) {
        const [oldest] = minutes.keys()
        if (oldest !== undefined) minutes.delete(oldest)
      }
      minutes.set(scope, { since: runtime.elapsed(), started: 1 })
    },
  }
}
