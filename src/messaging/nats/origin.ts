import type { Delivery } from '../delivery.ts'
import type { NatsConsumerInfo } from './client.ts'

/**
 * Detects that the durable consumer was created again, by anybody: it counts deliveries anew, and knows nothing of what
 * the previous one delivered.
 */
export interface Origin {
  /** Whether this is another consumer than in the last call. */
  isOther(info: NatsConsumerInfo): boolean
  /** Whether delivery numbers began anew: the consumer was created again between two requests, without an error. */
  beganAnew(deliverySequence: number): boolean
  /**
   * Whether the consumer has delivered more since the last call than came here: to somebody else, or over a connection
   * that was lost. Call only while no request is open.
   */
  hasMissed(info: NatsConsumerInfo): boolean
  /** Whether a message published then was, or may have been, delivered by an earlier consumer. */
  maybeSeen(publishedAt: number): Exclude<Delivery['redelivered'], 'unknown'>
}

export function createOrigin(): Origin {
  let created: string | undefined
  let lastSequence = 0
  let madeAt = 0
  let madeAgainAt = 0
  /** Number of deliveries at the last count, and of messages that came here since. */
  let counted = 0
  let received = 0
  return {
    isOther(info) {
      const isOther = created !== undefined && created !== info.created
      created = info.created
      madeAt = Date.parse(created)
      if (isOther || madeAgainAt === Number.POSITIVE_INFINITY) madeAgainAt = madeAt
      if (isOther) lastSequence = 0
      return isOther
    },
    beganAnew(deliverySequence) {
      const isLower = deliverySequence <= lastSequence
      lastSequence = deliverySequence
      // The time of that is known with the next `isOther`.
      if (isLower) {
        madeAgainAt = Number.POSITIVE_INFINITY
        counted = deliverySequence - 1
        received = 0
      }
      received++
      return isLower
    },
    hasMissed({ delivered: { consumer_seq } }) {
      const missed = consumer_seq - counted > received
      counted = consumer_seq
      received = 0
      return missed
    },
    // The first consumer that this process sees may be the original one or a later one: hence 'maybe'.
    maybeSeen: (publishedAt) => publishedAt < madeAgainAt || (publishedAt < madeAt && 'maybe'),
  }
}
