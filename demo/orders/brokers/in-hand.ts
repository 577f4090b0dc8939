/** The messages of a killed consumer are redelivered after this time. */
export const VISIBILITY_MS = 2_000

/** Enough to keep the round trips few; messages held by a worker that dies are redelivered. */
export const IN_HAND = { concurrency: 32, prefetch: 96 }
