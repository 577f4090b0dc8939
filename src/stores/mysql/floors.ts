import type { Runtime } from '../../core/runtime.ts'

/** A claim that inserts without looking first uses a floor that is no older than this. */
const FRESH_FOR_MS = 1_000

/**
 * The largest fence of records that are gone by now. It is kept in a table, raised by every sweep, and read along with the records,
 * never by the statement that inserts: under REPEATABLE READ that would lock its row. A floor that is a moment old matters
 * only where the server's clock was set back in that moment, since otherwise the clock is ahead of every fence.
 * Fences handed out inside a transaction, which may still be undone, count too.
 */
export interface Floors {
  readonly floor: number
  readonly fresh: boolean
  read(stored: number): void
  handedOut(fence: number): void
}

export function createFloors(runtime: Runtime): Floors {
  let floor = 0
  let readAt = Number.NEGATIVE_INFINITY
  return {
    get floor() {
      return floor
    },
    get fresh() {
      return runtime.elapsed() - readAt < FRESH_FOR_MS
    },
    read(stored) {
      floor = Math.max(floor, stored)
      readAt = runtime.elapsed()
    },
    handedOut(fence) {
      floor = Math.max(floor, fence)
    },
  }
}
