import type { Runtime } from '../../core/runtime.ts'

/** Maximum age of the floor for a claim that inserts without reading first. */
const FRESH_FOR_MS = 1_000

/**
 * The largest fence of removed records. It is stored in a table, raised by every sweep, and read together with records,
 * but never by the inserting statement: under REPEATABLE READ that would lock its row. A slightly old floor matters
 * only if the server's clock was set back meanwhile, since otherwise the clock is ahead of every fence. Fences granted
 * inside a transaction, which may still be rolled back, count too.
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
