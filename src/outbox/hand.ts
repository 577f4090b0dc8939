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
  /** It stays where it is, and those behind it with its ordering key wait as well. */
  tryAgain(position: number, afterMs: number): void
  /** What to publish next in one call: see `nextWave`. */
  wave(limit: number): readonly OutboxEntry[]
  drop(): void
}

export function createHand(runtime: Runtime): Hand {
  /** In the order of positions. */
  let entries = new Map<number, OutboxEntry>()
  const retryAt = new Map<number, number>()

  return {
    get size() {
      return entries.size
    },
    get positions() {
      return [...entries.keys()]
    },
    add(taken) {
      let last = [...entries.keys()].at(-1) ?? 0
      let inOrder = true
      for (const entry of taken) {
        entries.set(entry.position, entry)
        inOrder &&= entry.position > last
        last = entry.position
      }
      if (!inOrder) entries = new Map([...entries].sort(([a], [b]) => a - b))
    },
    remove(position) {
      entries.delete(position)
      retryAt.delete(position)
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
      entries.clear()
      retryAt.clear()
    },
  }
}
