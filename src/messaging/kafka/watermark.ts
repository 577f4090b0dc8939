/** Tracks which messages of a partition are settled, and up to which offset without a gap. */
export interface Watermark {
  /** Everything before it is settled: the highest offset that may be committed. */
  readonly position: bigint
  /** The offset after everything that was taken, or is known to hold no message. */
  readonly next: bigint
  /** Taken and not settled. */
  readonly held: number
  /** Offsets are taken in ascending order; those left out hold no message. */
  take(offset: bigint): void
  /** There is no further message before `next`. */
  pass(next: bigint): void
  /** Settling one twice, or one that was never taken, changes nothing. */
  settle(offset: bigint): void
}

/** Settled entries at the front are cut off when there are this many, not one by one. */
const CUT_AT = 1_024

export function createWatermark(start: bigint): Watermark {
  let next = start
  /** Taken, ascending; before `first` everything is settled. */
  let taken: bigint[] = []
  let first = 0
  const unsettled = new Set<bigint>()

  return {
    get position() {
      return taken[first] ?? next
    },
    get next() {
      return next
    },
    get held() {
      return unsettled.size
    },
    take(offset) {
      if (offset < next) return
      taken.push(offset)
      unsettled.add(offset)
      next = offset + 1n
    },
    pass(to) {
      if (to > next) next = to
    },
    settle(offset) {
      if (!unsettled.delete(offset)) return
      while (first < taken.length && !unsettled.has(taken[first] as bigint)) first++
      if (first < CUT_AT && first < taken.length) return
      taken = taken.slice(first)
      first = 0
    },
  }
}
