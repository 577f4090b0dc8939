import type { OutboxEntry } from '../core/store.ts'

/** An entry without what makes it large. */
interface Rested {
  readonly orderingKey: string | undefined
  /** The store may not have been told of all of them yet. */
  readonly failures: number
  /** By the relay's own clock; for ever, for what was parked; `BEHIND`. */
  readonly until: number
  /** The store is asked for it. */
  wanted: boolean
}

/** Of what only waits behind another one. */
export const BEHIND = Number.NEGATIVE_INFINITY

/** What waits for its next try, or behind such a one with the same ordering key, without its body. */
export interface Resting {
  readonly size: number
  rest(entry: OutboxEntry, until: number): void
  /** From now on the store is asked for what is due. Answers the positions of the others, and how many are due. */
  wake(now: number): { readonly asleep: readonly number[]; readonly due: number }
  /**
   * What may be published of what the store answered, the oldest first. The others rest, behind an earlier one of their ordering key.
   * What was asked for and is not in an answer that goes so far is gone from the store. `all`: it has no more.
   */
  placed(taken: readonly OutboxEntry[], all: boolean): readonly OutboxEntry[]
  remove(position: number): void
}

export function createResting(): Resting {
  const rested = new Map<number, Rested>()

  /** The earliest that rests of each ordering key. */
  function heads(): ReadonlyMap<string, number> {
    const first = new Map<string, number>()
    for (const [position, { orderingKey }] of rested) {
      if (orderingKey === undefined) continue
      first.set(orderingKey, Math.min(position, first.get(orderingKey) ?? position))
    }
    return first
  }

  function rest({ position, orderingKey, failures }: OutboxEntry, until: number): void {
    rested.set(position, { orderingKey, failures, until, wanted: false })
  }

  return {
    get size() {
      return rested.size
    },
    rest,
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
        // Those behind one that is only about to be tried again would be read in vain each time.
        const isFree =
          orderingKey === undefined || (!waiting.has(orderingKey) && (until > BEHIND || !trying.has(orderingKey)))
        one.wanted = until <= now && isFree
        if (!one.wanted) asleep.push(position)
      }
      return { asleep, due: rested.size - asleep.length }
    },
    placed(taken, all) {
      if (rested.size === 0) return taken
      const answered = all ? Number.POSITIVE_INFINITY : (taken.at(-1)?.position ?? 0)
      const known = new Map(taken.map(({ position }) => [position, rested.get(position)]))
      for (const [position, { wanted }] of rested) if (wanted && position <= answered) rested.delete(position)
      const first = heads()
      return taken.flatMap((entry) => {
        const failures = Math.max(entry.failures, known.get(entry.position)?.failures ?? 0)
        const { position, orderingKey } = entry
        const isFree = orderingKey === undefined || position < (first.get(orderingKey) ?? Number.POSITIVE_INFINITY)
        if (isFree) return [{ ...entry, failures }]
        rest({ ...entry, failures }, BEHIND)
        return []
      })
    },
    remove: (position) => void rested.delete(position),
  }
}
