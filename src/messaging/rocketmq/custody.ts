import type { Cancel, Runtime } from '../../core/runtime.ts'
import type { Held } from '../backlog.ts'
import { CODE, codeOf, type RocketConsumer, type RocketMessage } from './client.ts'
import { orderingKeyOf } from './message.ts'
import { mendReceipt } from './receipt.ts'

/** A message that the broker keeps from others on our behalf, as long as we ask it to. */
export interface HeldMessage extends Held {
  readonly message: RocketMessage
  readonly client: RocketConsumer
  /** Asks for another `ms`, unless that much is left. */
  extend(ms: number): Promise<'ok' | 'lost'>
  /** Ends its extensions; resolves when no request is pending, so that its receipt is the latest. */
  release(): Promise<void>
}

export interface Custody {
  readonly size: number
  take(message: RocketMessage, client: RocketConsumer): HeldMessage
  /** In the order of arrival. */
  all(): readonly HeldMessage[]
}

export interface CustodyEvents {
  /** Some messages lapsed: the broker delivers them again, here or elsewhere. */
  readonly onLost: () => void
  /** There is room for further messages. */
  readonly onReleased: () => void
  readonly onFailure: (error: unknown) => void
}

/** Shortest pause before the next request. */
const PAUSE_MS = 1_000

/**
 * Keeps received messages from others until they are settled, also while they wait for their turn or their next try, so
 * that waiting uses up none of the broker's own attempts.
 */
export function createCustody(runtime: Runtime, invisibleMs: number, events: CustodyEvents): Custody {
  const held = new Set<HeldMessage & { drop(): void }>()

  function take(message: RocketMessage, client: RocketConsumer): HeldMessage {
    const orderingKey = orderingKeyOf(message)
    let until = runtime.elapsed() + invisibleMs
    let over = false
    let asking: Promise<'ok' | 'lost'> | undefined
    let cancel: Cancel = () => {}

    const end = () => {
      over = true
      cancel()
      held.delete(one)
      events.onReleased()
    }
    const isOurs = () => !over && runtime.elapsed() < until

    /** The broker delivers again from here, so later messages with the same key must not begin before it. */
    function lose(): 'lost' {
      if (over) return 'lost'
      const later = [...held].slice([...held].indexOf(one) + 1)
      end()
      if (orderingKey !== undefined) for (const other of later) if (other.orderingKey === orderingKey) other.drop()
      events.onLost()
      return 'lost'
    }

    async function ask(ms: number): Promise<'ok' | 'lost'> {
      const askedAt = runtime.elapsed()
      try {
        await client.changeInvisibleDuration(message, ms)
        mendReceipt(message)
        until = askedAt + ms
        return 'ok'
      } catch (error) {
        if (codeOf(error) === CODE.invalidReceipt) return lose()
        events.onFailure(error)
        // Only the broker's answer, or time, makes the message lost.
        return isOurs() ? 'ok' : lose()
      } finally {
        asking = undefined
        renewLater(PAUSE_MS)
      }
    }

    function renewLater(pauseMs: number): void {
      cancel()
      if (over) return
      const inMs = Math.max(pauseMs, until - runtime.elapsed() - invisibleMs / 2)
      cancel = runtime.after(inMs, () => void one.extend(invisibleMs))
    }

    const one = {
      message,
      client,
      orderingKey,
      isOurs,
      seen: false,
      async extend(ms: number): Promise<'ok' | 'lost'> {
        if (!isOurs()) return lose()
        if (until - runtime.elapsed() >= ms) return 'ok'
        asking ??= ask(Math.max(ms, invisibleMs))
        return asking
      },
      async release() {
        if (!over) end()
        await asking
      },
      drop: end,
    }
    held.add(one)
    renewLater(0)
    return one
  }

  return {
    get size() {
      return held.size
    },
    take,
    all: () => [...held],
  }
}
