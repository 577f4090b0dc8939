/** What a killed consumer had in hand is handed out again after so long. */
export const VISIBILITY_MS = 2_000

/** Enough to keep the round trips few; what is in hand when a worker dies comes again. */
export const IN_HAND = { concurrency: 32, prefetch: 96 }
