import type { Lease } from '../../core/record.ts'

/** What a transaction has claimed and not undone since. */
export interface Leases {
  /** As far as anybody can tell: an effect may undo to savepoints of its own. */
  readonly all: readonly Lease[]
  /** One of them is certainly part of what a COMMIT commits. */
  readonly certain: boolean
  add(lease: Lease): void
  /** What is claimed from here on goes with this savepoint. */
  mark(savepoint: string): void
  unmark(savepoint: string): void
  undoneTo(savepoint: string): void
  /** From here on the effect may set savepoints of its own. */
  handedOver(): void
  /** The effect has run this statement. */
  ran(sql: string): void
}

const MAY_UNDO = /\brollback\b/i

export function createLeases(): Leases {
  const leases: Lease[] = []
  const doubtful = new Set<Lease>()
  const marks = new Map<string, number>()
  let handedAt: number | undefined

  return {
    all: leases,
    get certain() {
      return leases.some((lease) => !doubtful.has(lease))
    },
    add: (lease) => void leases.push(lease),
    mark: (savepoint) => void marks.set(savepoint, leases.length),
    unmark: (savepoint) => void marks.delete(savepoint),
    undoneTo(savepoint) {
      leases.length = Math.min(leases.length, marks.get(savepoint) ?? 0)
      if (handedAt !== undefined) handedAt = Math.min(handedAt, leases.length)
    },
    handedOver() {
      handedAt ??= leases.length
    },
    ran(sql) {
      if (MAY_UNDO.test(sql)) for (const lease of leases.slice(handedAt)) doubtful.add(lease)
    },
  }
}
