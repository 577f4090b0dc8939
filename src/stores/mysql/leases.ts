import type { Lease } from '../../core/record.ts'

/** The leases that a transaction was granted and has not undone since. */
export interface Leases {
  /** May include undone ones: an effect may roll back to savepoints of its own. */
  readonly all: readonly Lease[]
  /** True when at least one of them is certainly part of the commit. */
  isCertain(): boolean
  add(lease: Lease): void
  /** Leases added from here on are undone with this savepoint. */
  mark(savepoint: string): void
  unmark(savepoint: string): void
  undoneTo(savepoint: string): void
  /** Call when the effect first uses the connection: from here on it may set savepoints of its own. */
  handedOver(): void
  /** Call with each statement that the effect has run: a rollback makes leases doubtful. */
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
    isCertain: () => leases.some((lease) => !doubtful.has(lease)),
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
