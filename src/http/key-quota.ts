import type { Runtime } from '../core/runtime.ts'

const MINUTE_MS = 60_000
/** Scopes counted at a time. Above that the oldest count is dropped, so that scopes cannot exhaust the memory. */
const MAX_SCOPES = 10_000

/** Ends a request that `enter` counted. `started`: its key was new, so it stays counted. */
export type Leave = (started: boolean) => void

/** Counts the new keys of each scope per minute. */
export interface KeyQuota {
  /**
   * Counts a key as new until its request ends, so that concurrent requests cannot exceed the limit. Returns a function
   * to call at that end; or, above the limit, the milliseconds until the scope may start another.
   */
  enter(scope: string, key: string): Leave | number
}

interface Minute {
  readonly since: number
  started: number
  /** Requests in progress per key. Each of these keys may turn out to be new. */
  readonly underWay: Map<string, number>
}

/** Bounds how fast the clients of one scope can fill the store with new keys, in this process. */
export function createKeyQuota(runtime: Runtime, perMinute: number): KeyQuota {
  const minutes = new Map<string, Minute>()

  function current(scope: string): Minute {
    const known = minutes.get(scope)
    if (known !== undefined && runtime.elapsed() - known.since < MINUTE_MS) return known
    minutes.delete(scope)
    if (minutes.size >= MAX_SCOPES) {
      const [oldest] = minutes.keys()
      if (oldest !== undefined) minutes.delete(oldest)
    }
    const minute: Minute = { since: runtime.elapsed(), started: 0, underWay: new Map() }
    minutes.set(scope, minute)
    return minute
  }

  return {
    enter(scope, key) {
      const minute = current(scope)
      const { underWay } = minute
      const before = underWay.get(key) ?? 0
      if (before === 0 && minute.started + underWay.size >= perMinute)
        return minute.since + MINUTE_MS - runtime.elapsed()
      underWay.set(key, before + 1)
      return (started) => {
        if (started) minute.started++
        const left = (underWay.get(key) ?? 0) - 1
        if (left > 0) underWay.set(key, left)
        else underWay.delete(key)
      }
    },
  }
}
