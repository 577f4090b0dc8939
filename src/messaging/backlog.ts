import type { Cancel, Runtime } from '../core/runtime.ts'

/** A message that the broker delivered to this process and that is neither settled nor taken back. */
export interface Held {
  readonly orderingKey?: string | undefined
  /** False as soon as the broker has given it, or will give it, to another consumer. */
  isOurs(): boolean
  /** This process has started to handle it before. */
  seen: boolean
}

/** Delivered messages waiting for their turn: the oldest first, one at a time per ordering key. */
export interface Backlog<One extends Held> {
  /** Number of messages waiting for their turn, without those waiting for their next try. */
  readonly size: number
  add(held: One): void
  /** Calls `wake` when `take` may have something to give, until the returned function is called. */
  watch(wake: () => void): () => void
  /**
   * `gathering` identifies a batch whose messages are handled in order: messages taken for the same batch may share an
   * ordering key.
   */
  take(max: number, gathering?: object): One[]
  /** Ends its turn. The next message with its key may go once all messages taken together with it are done. */
  done(held: One): void
  /** Offers it again after `ms`, before all later messages with its key. */
  again(held: One, ms: number): void
  /** Like `again`, for a message that this process did not start though its turn had come. */
  putOff(held: One, ms: number): void
  /** Forgets messages that are no longer ours: the broker delivers them again, here or elsewhere. */
  dropLost(): void
  /** Cancels all pending `again` and `putOff`. */
  end(): void
}

export function createBacklog<One extends Held>(runtime: Runtime): Backlog<One> {
  let wake = () => {}
  let waiting: One[] = []
  /** The messages that hold each ordering key, and the batch for which they were taken. */
  const turns = new Map<string, { readonly holders: Set<One>; readonly gathering: object | undefined }>()
  const pauses = new Set<Cancel>()
  /** Numbers in the order of delivery. */
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

  /** Puts it before all others, because it has waited already, but behind earlier messages with its key. */
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
