import type { Cancel, Runtime } from '../../core/runtime.ts'
import type { OpenChannel } from './channel.ts'
import type { RabbitMessage } from './client.ts'
import { ORDERING_KEY_HEADER } from './message.ts'

/** A message that was delivered to us, and is neither settled nor taken back. */
export interface Held {
  readonly message: RabbitMessage
  readonly channel: OpenChannel
  readonly orderingKey: string | undefined
  /** This process began with it before. */
  seen: boolean
}

/**
 * What was delivered and waits for its turn: the oldest first, and of messages with the same ordering key one at a time.
 */
export interface Backlog {
  add(message: RabbitMessage, channel: OpenChannel): void
  take(max: number): Held[]
  /** Its turn is over: the next with its key may go. */
  done(held: Held): void
  /** After `ms` it is next once more, before all others with its key. */
  again(held: Held, ms: number): void
  /** The channel is gone: the broker delivers all of it again. */
  drop(channel: OpenChannel): void
  /** Nothing comes again from now on. */
  end(): void
}

export function createBacklog(runtime: Runtime, wake: () => void): Backlog {
  let waiting: Held[] = []
  /** Who holds each ordering key. */
  const turns = new Map<string, Held>()
  const pauses = new Set<Cancel>()
  const isFree = (held: Held) => {
    const holder = held.orderingKey === undefined ? held : turns.get(held.orderingKey)
    return holder === undefined || holder === held
  }

  return {
    add(message, channel) {
      const key = Object(message.properties.headers)[ORDERING_KEY_HEADER]
      waiting.push({ message, channel, orderingKey: typeof key === 'string' ? key : undefined, seen: false })
      wake()
    },
    take(max) {
      const taken: Held[] = []
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
        if (!held.channel.isOpen) return
        held.seen = true
        waiting.unshift(held)
        wake()
      })
      pauses.add(cancel)
    },
    drop(channel) {
      waiting = waiting.filter((held) => held.channel !== channel)
      for (const [key, held] of turns) if (held.channel === channel) turns.delete(key)
      wake()
    },
    end() {
      for (const cancel of pauses) cancel()
      pauses.clear()
    },
  }
}
