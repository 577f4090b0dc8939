import type { Delivery } from '../delivery.ts'
import type { NatsConsumerInfo } from './client.ts'

/**
 * Since when the durable consumer counts deliveries. One that was made again, by whomever, knows nothing of what the one
 * before it handed out.
 */
export interface Origin {
  /** Whether this is another consumer than the last time. */
  isOther(info: NatsConsumerInfo): boolean
  /** Whether the numbers of deliveries began anew: it was made again while nothing was asked for, and nobody said so. */
  beganAnew(deliverySequence: number): boolean
  /** Whether one published then was, or may have been, handed out by a consumer before this one. */
  maybeSeen(publishedAt: number): Exclude<Delivery['redelivered'], 'unknown'>
}

export function createOrigin(): Origin {
  let created: string | undefined
  let lastSequence = 0
  let madeAt = 0
  let madeAgainAt = 0
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
      // When that was shows the next time somebody looks.
      if (isLower) madeAgainAt = Number.POSITIVE_INFINITY
      return isLower
    },
    // The first that this process sees may be the first of its name, or have been made again meanwhile.
    maybeSeen: (publishedAt) => publishedAt < madeAgainAt || (publishedAt < madeAt && 'maybe'),
  }
}
