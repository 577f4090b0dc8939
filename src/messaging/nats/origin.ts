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
  /** Whether one published then may have been handed out by a consumer before this one. */
  maybeSeen(publishedAt: number): boolean
}

export function createOrigin(): Origin {
  let created: string | undefined
  let lastSequence = 0
  let madeAgainAt = 0
  return {
    isOther(info) {
      const isOther = created !== undefined && created !== info.created
      created = info.created
      if (isOther || madeAgainAt === Number.POSITIVE_INFINITY) madeAgainAt = Date.parse(info.created)
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
    maybeSeen: (publishedAt) => publishedAt < madeAgainAt,
  }
}
