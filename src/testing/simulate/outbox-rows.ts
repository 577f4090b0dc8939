import type { OutboxEntry, OutboxSettlement, OutboxStats, ParkedEntry } from '../../core/store.ts'
import type { World } from './world.ts'

interface Row {
  readonly entry: OutboxEntry
  readonly addedAt: number
  failures: number
  parked: string | undefined
}

/** The server side of the outbox table: messages committed but neither published nor discarded, and one lease. */
export class OutboxRows {
  readonly #world: World
  /** By position, which only grows. */
  readonly #rows = new Map<number, Row>()
  #relay: { name: string; until: number } | undefined
  /** The ids of all messages that were ever parked, and of those an operator discarded. */
  readonly everParked = new Set<string>()
  readonly discarded = new Set<string>()

  constructor(world: World) {
    this.#world = world
  }

  holds(id: string): boolean {
    return [...this.#rows.values()].some(({ entry }) => entry.id === id)
  }

  get isEmpty(): boolean {
    return this.#rows.size === 0
  }

  add(entry: OutboxEntry): void {
    this.#rows.set(entry.position, { entry, addedAt: this.#world.now, failures: 0, parked: undefined })
  }

  take(
    relay: string,
    leaseMs: number,
    limit: number,
    passing: readonly number[] = [],
  ): readonly OutboxEntry[] | undefined {
    const { now } = this.#world
    const held = this.#relay
    if (held !== undefined && held.name !== relay && held.until > now) return undefined
    if (held !== undefined && held.name !== relay) this.#world.count('state: relay taken over')
    this.#relay = { name: relay, until: now + leaseMs }
    const others = this.#inOrder(false).filter(({ entry }) => !passing.includes(entry.position))
    return others.slice(0, limit).map(entryOf)
  }

  settle(results: readonly OutboxSettlement[]): void {
    for (const result of results) {
      const row = this.#rows.get(result.position)
      if (row === undefined) continue
      if (result.kind === 'published') this.#rows.delete(result.position)
      else if (row.parked === undefined) {
        row.failures = Math.max(row.failures, result.failures)
        if (result.kind === 'failed') continue
        this.#world.count('state: parked in the outbox')
        row.parked = result.reason
        this.everParked.add(row.entry.id)
      }
    }
  }

  leave(relay: string): void {
    if (this.#relay?.name === relay) this.#relay = undefined
  }

  stats(): OutboxStats {
    const waiting = this.#inOrder(false)
    const [oldest] = waiting
    const oldestMs = oldest === undefined ? 0 : this.#world.now - oldest.addedAt
    return { waiting: waiting.length, parked: this.#rows.size - waiting.length, oldestMs }
  }

  parked(limit: number, after: number): readonly ParkedEntry[] {
    const behind = this.#inOrder(true).filter(({ entry }) => entry.position > after)
    return behind
      .slice(0, limit)
      .map((row) => ({ ...entryOf(row), reason: row.parked ?? '', ageMs: this.#world.now - row.addedAt }))
  }

  unpark(positions: readonly number[]): number {
    const rows = this.#parkedAt(positions)
    for (const row of rows) {
      this.#world.count('state: unparked')
      row.parked = undefined
      row.failures = 0
    }
    return rows.length
  }

  discard(positions: readonly number[]): number {
    const rows = this.#parkedAt(positions)
    for (const { entry } of rows) {
      this.#world.count('state: discarded')
      this.#rows.delete(entry.position)
      this.discarded.add(entry.id)
    }
    return rows.length
  }

  #parkedAt(positions: readonly number[]): readonly Row[] {
    return this.#inOrder(true).filter(({ entry }) => positions.includes(entry.position))
  }

  #inOrder(parked: boolean): readonly Row[] {
    return [...this.#rows.values()].filter((row) => (row.parked !== undefined) === parked)
  }
}

function entryOf({ entry, failures }: Row): OutboxEntry {
  return { ...entry, failures }
}
