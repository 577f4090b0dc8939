import type { SqliteConnection } from '../../embedded/driver.ts'
import { change, rows } from '../../embedded/statements.ts'
import { FENCE_FLOOR, RAISE_FENCE_FLOOR } from './sql.ts'

/** What no new fence may fall below, so that fences grow also where no record is left to compare with. */
export interface Fences {
  /** The largest that was handed out by this process. */
  readonly handed: number
  floor(db: SqliteConnection): number
  /** Records, in the transaction that removes the records, the largest fence that goes with them. */
  raise(db: SqliteConnection, fence: number): void
  /**
   * A fence was handed out in a transaction that may still be undone. Then no record of it stays, while the effect may
   * have sent it to somebody: it is kept in memory, which is enough, since another process gets a later microsecond
   * from the clock unless it claims the same operation within the same millisecond.
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
