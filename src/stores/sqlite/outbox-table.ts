import type { Runtime } from '../../core/runtime.ts'
import type { OutboxSettlement, OutboxTable } from '../../core/store.ts'
import { packText } from '../../core/stored-text.ts'
import type { SqliteConnection } from '../../embedded/driver.ts'
import { change, rows } from '../../embedded/statements.ts'
import { toEntry, toParked } from '../sql/outbox-entry.ts'
import type { Gate } from './gate.ts'
import { type JoinOptions, join } from './joined.ts'
import type { SqliteTx } from './open-transaction.ts'
import {
  APPEND,
  DISCARD,
  FAILED,
  LEAVE_RELAY,
  PARKED,
  PARKED_ENTRIES,
  PUBLISHED,
  STATS,
  TAKE_RELAY,
  UNPARK,
  WAITING,
} from './outbox-sql.ts'

/**
 * The outbox table. A parked entry stays in the table, is no longer read by `take`, and does not hold up later entries,
 * not even those of its ordering key. `settle` may be repeated: removed and parked entries stay so.
 */
export function createOutboxTable(
  gate: Gate,
  options: JoinOptions & { readonly runtime: Runtime },
): OutboxTable<SqliteTx> {
  const { runtime } = options
  return {
    async append(tx, messages) {
      const joined = join(options, tx)
      joined.requireOpen()
      await joined.takeWriteLock()
      const now = runtime.now()
      joined.ask(() => {
        for (const { id, topic, body, headers, orderingKey } of messages) {
          const order = orderingKey === undefined ? null : packText(orderingKey)
          change(joined.db, APPEND, packText(id), packText(topic), body, JSON.stringify(headers), order, now)
        }
      })
    },
    take: (relay, leaseMs, limit, held = []) =>
      gate.write('take from the outbox', (db, now) => {
        if (change(db, TAKE_RELAY, packText(relay), now + leaseMs, now) === 0) return undefined
        return rows(db, WAITING, JSON.stringify(held), limit).map(toEntry)
      }),
    settle: (results) =>
      gate.write('settle outbox entries', (db) => {
        for (const result of results) settle(db, result)
      }),
    leave: (relay) =>
      gate.write('leave the outbox', (db) => {
        change(db, LEAVE_RELAY, packText(relay))
      }),
    stats: () =>
      gate.read('count the outbox', (db, now) => {
        const [row] = rows(db, STATS)
        const parked = Number(row?.parked)
        const oldest = Number(row?.oldest ?? now)
        return { waiting: Number(row?.total) - parked, parked, oldestMs: Math.max(now - oldest, 0) }
      }),
    parked: (limit, after) =>
      gate.read('read the outbox', (db, now) =>
        rows(db, PARKED_ENTRIES, after, limit).map((row) => toParked(row, now - Number(row.created_at))),
      ),
    unpark: (positions) => gate.write('unpark outbox entries', (db) => changed(db, UNPARK, positions)),
    discard: (positions) => gate.write('discard outbox entries', (db) => changed(db, DISCARD, positions)),
  }
}

function changed(db: SqliteConnection, sql: string, positions: readonly number[]): number {
  return positions.reduce((sum, position) => sum + change(db, sql, position), 0)
}

function settle(db: SqliteConnection, result: OutboxSettlement): void {
  switch (result.kind) {
    case 'published':
      change(db, PUBLISHED, result.position)
      return
    case 'failed':
      change(db, FAILED, result.failures, packText(result.reason), result.position)
      return
    case 'parked': {
      const reason = packText(result.reason)
      change(db, PARKED, result.failures, reason, reason, result.position)
    }
  }
}
