import type { OutboxEntry } from '../core/store.ts'

/** An entry without its body and headers. */
interface Rested {
  readonly orderingKey: string | undefined
  /** May include failures that the store does not know yet. */
  readonly failures: number
  /** Time by the relay's own clock; infinity for a parked entry; `BEHIND`. */
  readonly until: number
  /** The next request to the store asks for it. */
  wanted: boolean
  /** Another relay may have published it: the store is asked before it is due whether it is still there. */
  doubted: boolean
}

/** `until` of an entry that only waits behind another one. */
export const BEHIND = Number.NEGATIVE_INFINITY

/** Entries waiting for their next try, or behind one of those with the same ordering key; without their bodies. */
export interface Resting {
  readonly size: number
  rest(entry: OutboxEntry, until: number): void
  /** Another relay may have held the lease: from now on the store is asked for all entries except parked ones. */
  doubt(): void
  /** From now on the store is asked for due entries. Returns the positions of the others, and how many are due. */
  wake(now: number): { readonly asleep: readonly number[]; readonly due: number }
  /**
   * Returns those of `taken` (the oldest first) that may be published. The others rest, behind an earlier entry of
   * their ordering key. An entry that was asked for but is missing from the range of the answer is gone from the store;
   * one that came before it is due keeps resting. `all`: the store has no more.
   */
  placed(taken: readonly OutboxEntry[], all: boolean, now: number): readonly OutboxEntry[]
  remove(position: number): void
}

export function createResting(): Resting {
  const rested = new Map<number, Rested>()

  /** Position of the earliest resting entry per ordering key. */
  function heads(): ReadonlyMap<string, number> {
    const first = new Map<string, number>()
    for (const [position, { orderingKey }] of rested) {
      if (orderingKey === undefined) continue
      first.set(orderingKey, Math.min(position, first.get(orderingKey) ?? position))
    }
    return first
  }

  function rest({ position, orderingKey, failures }: OutboxEntry, until: number): void {
    rested.set(position, { orderingKey, failures, until, wanted: false, doubted: false })
  }

  return {
    get size() {
      return rested.size
    },
    rest,
    doubt() {
      for (const one of rested.values()) one.doubted = one.until < Number.POSITIVE_INFINITY
    },
    wake(now) {
      const asleep: number[] = []
      const waiting = new Set<string>()
      const trying = new Set<string>()
      for (const { orderingKey, until } of rested.values()) {
        if (orderingKey === undefined) continue
        if (until > now) waiting.add(orderingKey)
        else if (until > BEHIND) trying.add(orderingKey)
      }
      for (const [position, one] of rested) {
        const { orderingKey, until } = one
        // Entries behind one that is only now tried again are not read yet: each time it fails they would be read in
        // vain.
        const isFree =
          orderingKey === undefined || (!waiting.has(orderingKey) && (until > BEHIND || !trying.has(orderingKey)))
        one.wanted = one.doubted || (until <= now && isFree)
        if (!one.wanted) asleep.push(position)
      }
      return { asleep, due: rested.size - asleep.length }
    },
    placed(taken, all, now) {
      if (rested.size === 0) return taken
      const answered = all ? Number.POSITIVE_INFINITY : (taken.at(-1)?.position ?? 0)
      const known = new Map(taken.map(({ position }) => [position, rested.get(position)]))
      for (const [position, { wanted }] of rested) if (wanted && position <= answered) rested.delete(position)
      const found = taken.map((entry) => {
        const failures = Math.max(entry.failures, known.get(entry.position)?.failures ?? 0)
        return { ...entry, failures }
      })
      const isEarly = ({ position }: OutboxEntry) => (known.get(position)?.until ?? BEHIND) > now
      for (const entry of found) if (isEarly(entry)) rest(entry, known.get(entry.position)?.until as number)
      const first = heads()
      return found.flatMap((entry) => {
        const { position, orderingKey } = entry
        if (isEarly(entry)) return []
        const isFree = orderingKey === undefined || position < (first.get(orderingKey) ?? Number.POSITIVE_INFINITY)
        if (isFree) return [entry]
        rest(entry, BEHIND)
        return []
      })
    },
    remove: (position) => void rested.delete(position),
  }
}
