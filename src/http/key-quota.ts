import type { Runtime } from '../core/runtime.ts'

const MINUTE_MS = 60_000
/** Scopes counted at a time. Beyond it the oldest count is given up, so that scopes themselves cannot fill the memory. */
const MAX_SCOPES = 10_000

/** Ends the request of a key that may have been new; `started`: it was. */
export type Leave = (started: boolean) => void

/** Counts what each scope starts in a minute. */
export interface KeyQuota {
  /**
   * Counts a key that may turn out to be new, from now on: what comes beside it must not slip by. A number: how long until the
   * scope may start another.
   */
  enter(scope: string, key: string): Leave | number
}

interface Minute {
  readonly since: number
  started: number
  /** How many requests of each key are under way that was not known to be an old one. */
  readonly underWay: Map<string, number>
}

/** A client that invents keys fills the store; this bounds how fast, for each scope and in this process. */
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
