import type { StoreTraits, TransactionalStore } from '../../core/store.ts'
import { createWatchers } from '../../core/watchers.ts'
import { IN_MEMORY } from '../../embedded/open-file.ts'
import type { SchemaVerbs } from '../sql/schema.ts'
import { createWithin } from './atomic.ts'
import { createFences } from './fences.ts'
import { createGate } from './gate.ts'
import type { SqliteTx } from './open-transaction.ts'
import { resolveSqliteOptions, type SqliteStoreOptions } from './options.ts'
import { createOutboxTable } from './outbox-table.ts'
import { claim, complete, find, forget, list, release, renew, sweep } from './records.ts'
import { createSchemaVerbs } from './schema-verbs.ts'
import { createTransactions } from './transaction.ts'

export type { SqliteDatabase, SqliteStatement, SqliteValue } from '../../embedded/driver.ts'
export type { Migration, MigrationPlan, Overdue, SchemaReport } from '../sql/schema.ts'
export { sqliteMigrations } from './migrations.ts'
export type { SqliteTx } from './open-transaction.ts'
export type { SqliteStoreOptions } from './options.ts'

/** A store in an SQLite file: durable and transactional. Effects of `once.atomic` write through a `SqliteTx`. */
export interface SqliteStore extends TransactionalStore<SqliteTx>, SchemaVerbs {}

/**
 * Keeps records in an SQLite file, for any number of processes on one host: never on a network disk.
 *
 * Opened on first use, so a file that cannot be used is reported by the verbs. Waiting for another process does not
 * block the event loop. One transaction at a time: effects inside `once.atomic` run one after the other.
 * @throws OnlyonceError OPTION_INVALID
 */
export function sqliteStore(options: SqliteStoreOptions): SqliteStore {
  const resolved = resolveSqliteOptions(options)
  const { source, runtime, label, busyTimeoutMs, migrate } = resolved
  const gate = createGate(resolved)
  const fences = createFences()
  const { watch, wake, clear } = createWatchers()
  const transactions = createTransactions(gate, wake)
  const createsOn = migrate === 'auto' && 'database' in source ? source.database : undefined
  const joining = { transactions, whileBusy: gate.whileBusy, runtime, label, busyTimeoutMs, source, createsOn }
  const traits: StoreTraits = Object.freeze({
    durable: !('path' in source && source.path === IN_MEMORY),
    transactional: true,
    survivesFailover: false,
    selfExpiring: false,
  })

  return {
    name: 'sqlite',
    traits,
    claim: (requests) => gate.write('claim', (db, now) => requests.map((one) => claim(db, one, now, fences))),
    renew: (renewals) => gate.write('renew', (db, now) => renewals.map((one) => renew(db, one, now))),
    async complete(completions) {
      const outcomes = await gate.write('complete', (db, now) => completions.map((one) => complete(db, one, now)))
      wake(completions.map(({ lease }) => lease.id))
      return outcomes
    },
    async release(leases) {
      const outcomes = await gate.write('release', (db, now) => leases.map((lease) => release(db, lease, now)))
      wake(leases.map(({ id }) => id))
      return outcomes
    },
    find: (ids) => gate.read('find', (db, now) => find(db, ids, now)),
    list: (query) => gate.read('list', (db, now) => list(db, query, now)),
    async forget(ids) {
      const gone = await gate.write('forget', (db) => forget(db, ids, fences))
      wake(gone)
      return gone.length
    },
    async sweep(limit) {
      const gone = await gate.write('sweep', (db, now) => sweep(db, limit, now, fences))
      wake(gone)
      return gone.length
    },
    watch,
    transaction: (work) => transactions.run(work),
    within: createWithin({ ...joining, fences }),
    outbox: createOutboxTable(gate, joining),
    ...createSchemaVerbs(gate, resolved),
    async [Symbol.asyncDispose]() {
      await gate.close()
      clear()
    },
  }
}
