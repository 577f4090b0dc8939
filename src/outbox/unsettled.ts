import type { OutboxSettlement } from '../core/store.ts'

/** The latest settlement per position. Kept until the store has it, so that a store outage does not cause duplicates. */
export interface Unsettled {
  readonly size: number
  /** Positions of entries that are published, which the store still has as waiting. */
  published(): readonly number[]
  note(settlements: readonly OutboxSettlement[]): void
  /**
   * Has the store record all of them. Returns those it recorded.
   * @throws what `record` throws; then all are kept
   */
  settle(record: (settlements: readonly OutboxSettlement[]) => Promise<void>): Promise<readonly OutboxSettlement[]>
}

export function createUnsettled(): Unsettled {
  const latest = new Map<number, OutboxSettlement>()
  return {
    get size() {
      return latest.size
    },
    published: () => [...latest.values()].filter(({ kind }) => kind === 'published').map(({ position }) => position),
    note(settlements) {
      for (const one of settlements) latest.set(one.position, one)
    },
    async settle(record) {
      if (latest.size === 0) return []
      const told = [...latest.values()]
      await record(told)
      // A newer settlement may have been noted meanwhile.
      for (const one of told) if (latest.get(one.position) === one) latest.delete(one.position)
      return told
    },
  }
}
