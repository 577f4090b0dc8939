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
  /** Calls `wake` when `take` may have something to give, until the returned function is called. */
  watch(wake: () => void): () => void
  /**
   * `gathering` stands for a batch whose messages are handled in order: all that are taken for it may have the same
   * ordering key.
   */
  take(max: number, gathering?: object): One[]
  /** Its turn is over: the next with its key may go, once those that were taken with it are done too. */
  done(held: One): void
  /** After `ms` it is next once more, before all others with its key that came after it. */
  again(held: One, ms: number): void
  /** The same for one that this process did not begin with, though its turn had come. */
  putOff(held: One, ms: number): void
  /** Forgets those that are not ours any more: the broker delivers them again, here or elsewhere. */
  dropLost(): void
  /** Nothing comes again from now on. */
  end(): void
}

export function createBacklog<One extends Held>(runtime: Runtime): Backlog<One> {
  let wake = () => {}
  let waiting: One[] = []
  /** Who holds each ordering key, and the batch for which they were taken. */
  const turns = new Map<string, { readonly holders: Set<One>; readonly gathering: object | undefined }>()
  const pauses = new Set<Cancel>()
  /** In the order of delivery. */
  const places = new WeakMap<One, number>()
  let added = 0
  const placeOf = (held: One) => places.get(held) ?? 0

  function takeTurn(held: One, gathering: object | undefined): boolean {
    const { orderingKey } = held
    if (orderingKey === undefined) return true
    const turn = turns.get(orderingKey)
    if (turn === undefined) turns.set(orderingKey, { holders: new Set([held]), gathering })
    else if (gathering === undefined || turn.gathering !== gathering) return false
    else turn.holders.add(held)
    return true
  }

  function giveTurnBack(held: One): void {
    const turn = held.orderingKey === undefined ? undefined : turns.get(held.orderingKey)
    if (turn?.holders.delete(held) && turn.holders.size === 0) turns.delete(held.orderingKey as string)
  }

  /** Before all others, since it has waited, but not before those with its key that came earlier. */
  function putBack(held: One): void {
    const { orderingKey } = held
    const isEarlier = (other: One) => other.orderingKey === orderingKey && placeOf(other) < placeOf(held)
    waiting.splice(orderingKey === undefined ? 0 : waiting.findLastIndex(isEarlier) + 1, 0, held)
  }

  function comeAgain(held: One, ms: number): void {
    const cancel = runtime.after(ms, () => {
      pauses.delete(cancel)
      if (!held.isOurs()) return
      giveTurnBack(held)
      putBack(held)
      wake()
    })
    pauses.add(cancel)
  }

  return {
    get size() {
      return waiting.length
    },
    watch(call) {
      wake = call
      return () => {
        wake = () => {}
      }
    },
    add(held) {
      places.set(held, ++added)
      waiting.push(held)
      wake()
    },
    take(max, gathering) {
      const taken: One[] = []
      waiting = waiting.filter((held) => {
        if (taken.length === max || !takeTurn(held, gathering)) return true
        taken.push(held)
        return false
      })
      return taken
    },
    done(held) {
      if (held.orderingKey === undefined) return
      giveTurnBack(held)
      wake()
    },
    again(held, ms) {
      held.seen = true
      comeAgain(held, ms)
    },
    putOff: comeAgain,
    dropLost() {
      waiting = waiting.filter((held) => held.isOurs())
      for (const { holders } of [...turns.values()]) for (const held of holders) if (!held.isOurs()) giveTurnBack(held)
      wake()
    },
    end() {
      for (const cancel of pauses) cancel()
      pauses.clear()
    },
  }
}
