import type { Runtime } from '../core/runtime.ts'
import type { OutboxEntry } from '../core/store.ts'
import { BEHIND, createResting } from './resting.ts'
import { nextWave } from './waves.ts'

/**
 * The entries a relay has taken that, as far as it knows, are still in the outbox. Valid only under an unbroken lease.
 * Entries waiting for their next try, and those behind them, rest: the store is asked for them again when they are due.
 */
export interface Hand {
  /** Number of entries in memory that can be published. */
  readonly size: number
  readonly resting: number
  /** Positions that the store need not return, and how many resting entries are due, which it has to return. */
  held(): { readonly positions: readonly number[]; readonly wanted: number }
  /**
   * Adds entries that the store returned, the oldest first; `all`: it has no more. With overlapping transactions, an
   * earlier position may be committed later; it is still published first.
   */
  add(taken: readonly OutboxEntry[], all: boolean): void
  remove(position: number): void
  /**
   * Stops publishing it. Entries behind it with its ordering key wait until it is removed: if this relay died before
   * the store had parked it, the next relay would publish it after them.
   */
  park(entry: OutboxEntry): void
  /** Entries behind it with its ordering key wait too. */
  tryAgain(entry: OutboxEntry, afterMs: number): void
  /** What to publish next in one call: see `nextWave`. */
  wave(limit: number, isLeftOut?: (entry: OutboxEntry) => boolean): readonly OutboxEntry[]
  /** Forgets the entries in memory. Resting ones are looked up in the store again; parked ones stay parked. */
  drop(): void
}

export function createHand(runtime: Runtime): Hand {
  /** Sorted by position. */
  let entries = new Map<number, OutboxEntry>()
  const resting = createResting()

  /** Entries behind it with its ordering key rest too. */
  function rest(entry: OutboxEntry, until: number): void {
    resting.rest(entry, until)
    entries.delete(entry.position)
    if (entry.orderingKey === undefined) return
    for (const behind of entries.values()) {
      if (behind.orderingKey !== entry.orderingKey || behind.position < entry.position) continue
      resting.rest(behind, BEHIND)
      entries.delete(behind.position)
    }
  }

  return {
    get size() {
      return entries.size
    },
    get resting() {
      return resting.size
    },
    held() {
      const { asleep, due } = resting.wake(runtime.elapsed())
      return { positions: [...entries.keys(), ...asleep], wanted: due }
    },
    add(taken, all) {
      let last = [...entries.keys()].at(-1) ?? 0
      let inOrder = true
      for (const entry of resting.placed(taken, all, runtime.elapsed())) {
        entries.set(entry.position, entry)
        inOrder &&= entry.position > last
        last = entry.position
      }
      if (!inOrder) entries = new Map([...entries].sort(([a], [b]) => a - b))
    },
    remove(position) {
      entries.delete(position)
      resting.remove(position)
    },
    park: (entry) => rest(entry, Number.POSITIVE_INFINITY),
    tryAgain(entry, afterMs) {
      // No longer in memory if the lease was lost meanwhile: then the store has the entry and its failures.
      if (!entries.has(entry.position)) return
      rest({ ...entry, failures: entry.failures + 1 }, runtime.elapsed() + afterMs)
    },
    wave: (limit, isLeftOut) => nextWave(entries.values(), limit, isLeftOut),
    drop() {
      entries.clear()
      resting.doubt()
    },
  }
}
