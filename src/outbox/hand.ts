import type { Runtime } from '../core/runtime.ts'
import type { OutboxEntry } from '../core/store.ts'
import { BEHIND, createResting } from './resting.ts'
import { nextWave } from './waves.ts'

/**
 * What a relay has taken and does not know to be out of the queue. It may only be kept under an unbroken lease. What waits for its
 * next try, and what waits behind it, rests: the store is asked for it again when its turn comes.
 */
export interface Hand {
  /** How many are here to be published. */
  readonly size: number
  readonly resting: number
  /** What the store need not hand over, and how much rests whose turn has come, which it has to. */
  held(): { readonly positions: readonly number[]; readonly wanted: number }
  /**
   * What the store answered, the oldest first; `all`: it has no more. Of transactions that overlap the earlier position may be committed later, and then
   * comes first all the same.
   */
  add(taken: readonly OutboxEntry[], all: boolean): void
  remove(position: number): void
  /**
   * It is not published any more, and those behind it with its ordering key wait until it is removed. Before the store has it
   * put aside, a relay that dies would leave it to the next one to publish it after them.
   */
  park(entry: OutboxEntry): void
  /** Those behind it with its ordering key wait as well. */
  tryAgain(entry: OutboxEntry, afterMs: number): void
  /** What to publish next in one call: see `nextWave`. */
  wave(limit: number): readonly OutboxEntry[]
  /** What rests is asked for when its turn comes, and what was parked stays as decided. */
  drop(): void
}

export function createHand(runtime: Runtime): Hand {
  /** In the order of positions. */
  let entries = new Map<number, OutboxEntry>()
  const resting = createResting()

  /** With it what is behind it. */
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
      for (const entry of resting.placed(taken, all)) {
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
      // Gone if the lease was over for a while: then the store has it, and its failures.
      if (!entries.has(entry.position)) return
      rest({ ...entry, failures: entry.failures + 1 }, runtime.elapsed() + afterMs)
    },
    wave: (limit) => nextWave(entries.values(), limit),
    drop: () => entries.clear(),
  }
}
