import type { SqliteConnection } from '../../embedded/driver.ts'
import { change, rows } from '../../embedded/statements.ts'
import { FENCE_FLOOR, RAISE_FENCE_FLOOR } from './sql.ts'

/** Lower bounds of new fences, so that fences grow also when there is no record left to compare with. */
export interface Fences {
  /** The largest fence that this process granted inside a transaction. */
  readonly handed: number
  floor(db: SqliteConnection): number
  /** Stores the largest fence of removed records, in the transaction that removes them. */
  raise(db: SqliteConnection, fence: number): void
  /**
   * Remembers a fence granted in a transaction that may be rolled back: then no record of it stays, while the effect
   * may have sent it downstream. Memory is enough: another process gets a later microsecond from the clock, unless it
   * claims the same operation within the same millisecond.
   */
  handedOut(fence: number): void
}

export function createFences(): Fences {
  let handed = 0
  return {
    get handed() {
      return handed
    },
    floor(db) {
      const stored = rows(db, FENCE_FLOOR)[0]?.number
      return Math.max(handed, typeof stored === 'number' ? stored : 0)
    },
    raise(db, fence) {
      change(db, RAISE_FENCE_FLOOR, fence)
    },
    handedOut(fence) {
      handed = Math.max(handed, fence)
    },
  }
}
