import type { Runtime } from '../core/runtime.ts'
import type { OutboxEntry } from '../core/store.ts'
import { nextWave } from './waves.ts'

/** What a relay has taken and does not know to be out of the queue. It may only be kept under an unbroken lease. */
export interface Hand {
  readonly size: number
  readonly positions: readonly number[]
  /** Of transactions that overlap the earlier position may be committed later, and then comes first all the same. */
  add(taken: readonly OutboxEntry[]): void
  remove(position: number): void
  /**
   * It is not published any more, and those behind it with its ordering key wait until it is removed. Before the store has it
   * put aside, a relay that dies would leave it to the next one to publish it after them.
   */
  park(entry: OutboxEntry): void
  /** It stays where it is, and those behind it with its ordering key wait as well. */
  tryAgain(position: number, afterMs: number): void
  /** What to publish next in one call: see `nextWave`. */
  wave(limit: number): readonly OutboxEntry[]
  /** All but what was parked, which stays as decided. */
  drop(): void
}

export function createHand(runtime: Runtime): Hand {
  /** In the order of positions. */
  let entries = new Map<number, OutboxEntry>()
  /** When to try again; never, for what is parked. */
  const retryAt = new Map<number, number>()

  function add(taken: readonly OutboxEntry[]): void {
    let last = [...entries.keys()].at(-1) ?? 0
    let inOrder = true
    for (const entry of taken) {
      entries.set(entry.position, entry)
      inOrder &&= entry.position > last
      last = entry.position
    }
    if (!inOrder) entries = new Map([...entries].sort(([a], [b]) => a - b))
  }

  return {
    get size() {
      return entries.size
    },
    get positions() {
      return [...entries.keys()]
    },
    add,
    remove(position) {
      entries.delete(position)
      retryAt.delete(position)
    },
    park(entry) {
      // Not there any more, if the lease was over for a while.
      if (!entries.has(entry.position)) add([entry])
      retryAt.set(entry.position, Number.POSITIVE_INFINITY)
    },
    tryAgain(position, afterMs) {
      const entry = entries.get(position)
      // Gone if the lease was over for a while: then the store has it, and its failures.
      if (entry === undefined) return
      entries.set(position, { ...entry, failures: entry.failures + 1 })
      retryAt.set(position, runtime.elapsed() + afterMs)
    },
    wave: (limit) =>
      nextWave(entries.values(), limit, ({ position }) => (retryAt.get(position) ?? 0) > runtime.elapsed()),
    drop() {
      for (const position of entries.keys()) {
        if (retryAt.get(position) === Number.POSITIVE_INFINITY) continue
        entries.delete(position)
        retryAt.delete(position)
      }
    },
  }
}
