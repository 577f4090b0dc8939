import type { Cancel, Runtime } from '../core/runtime.ts'

/** A message that the broker delivered to this process, and that is neither settled nor taken back. */
export interface Held {
  readonly orderingKey?: string | undefined
  /** False as soon as the broker gives it to somebody else, or will. */
  isOurs(): boolean
  /** This process began with it before. */
  seen: boolean
}

/**
 * What was delivered and waits for its turn: the oldest first, and of messages with the same ordering key one at a time.
 */
export interface Backlog<One extends Held> {
  /** Messages that wait for their turn; those that wait for their next try are not among them. */
  readonly size: number
  add(held: One): void
  take(max: number): One[]
  /** Its turn is over: the next with its key may go. */
  done(held: One): void
  /** After `ms` it is next once more, before all others with its key. */
  again(held: One, ms: number): void
  /** Forgets those that are not ours any more: the broker delivers them again, here or elsewhere. */
  dropLost(): void
  /** Nothing comes again from now on. */
  end(): void
}

/** `wake` is called when `take` may have something to give. */
export function createBacklog<One extends Held>(runtime: Runtime, wake: () => void): Backlog<One> {
  let waiting: One[] = []
  /** Who holds each ordering key. */
  const turns = new Map<string, One>()
  const pauses = new Set<Cancel>()
  const isFree = (held: One) => {
    const holder = held.orderingKey === undefined ? held : turns.get(held.orderingKey)
    return holder === undefined || holder === held
  }

  return {
    get size() {
      return waiting.length
    },
    add(held) {
      waiting.push(held)
      wake()
    },
    take(max) {
      const taken: One[] = []
      waiting = waiting.filter((held) => {
        if (taken.length === max || !isFree(held)) return true
        if (held.orderingKey !== undefined) turns.set(held.orderingKey, held)
        taken.push(held)
        return false
      })
      return taken
    },
    done(held) {
      const { orderingKey } = held
      if (orderingKey === undefined || turns.get(orderingKey) !== held) return
      turns.delete(orderingKey)
      wake()
    },
    again(held, ms) {
      const cancel = runtime.after(ms, () => {
        pauses.delete(cancel)
        if (!held.isOurs()) return
        held.seen = true
        waiting.unshift(held)
        wake()
      })
      pauses.add(cancel)
    },
    dropLost() {
      waiting = waiting.filter((held) => held.isOurs())
      for (const [key, held] of turns) if (!held.isOurs()) turns.delete(key)
      wake()
    },
    end() {
      for (const cancel of pauses) cancel()
      pauses.clear()
    },
  }
}
