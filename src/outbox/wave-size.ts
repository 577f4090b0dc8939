export interface WaveSize {
  /** Maximum number of messages in the next call. */
  readonly limit: number
  /** A call with `count` messages failed as a whole. */
  failed(count: number): void
  succeeded(): void
}

/**
 * Halves the limit after each call that failed as a whole, so that a message that breaks calls is isolated and fails
 * alone. Grows back like TCP after a loss: doubling up to half of the size that failed, then in small steps. A call
 * that is too large for its time limit sends messages again each time, so that size must not come back soon.
 */
export function createWaveSize(most: number): WaveSize {
  const step = Math.ceil(most / 100)
  let limit = most
  let threshold = most
  let failing = false
  return {
    get limit() {
      return limit
    },
    failed(count) {
      limit = Math.ceil(count / 2)
      // Only the first failure in a row counts: the later ones may be caused by one message, not by the size.
      if (!failing) threshold = limit
      failing = true
    },
    succeeded() {
      failing = false
      limit = limit < threshold ? Math.min(limit * 2, threshold) : Math.min(limit + step, most)
    },
  }
}
