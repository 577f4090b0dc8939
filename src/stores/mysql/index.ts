import type { MysqlStoreOptions } from './options.ts'
import { createMysqlStore, type MysqlStore } from './store.ts'

export type { Migration, MigrationPlan, Overdue, SchemaReport } from '../sql/schema.ts'
export type { MysqlAnswer, MysqlConnection, MysqlPool, MysqlTx, MysqlValue } from './client.ts'
export { mysqlMigrations } from './migrations.ts'
export type { MysqlStoreOptions } from './options.ts'
export type { MysqlStore } from './store.ts'

/**
 * Keeps records in tables of a MySQL (8 or later) or MariaDB (10.6 or later) database. Nothing is opened before the first use.
 *
 * A commit is as durable as `innodb_flush_log_at_trx_commit` makes it. It survives a fail-over only with synchronous
 * replication, which the store cannot detect, so `survivesFailover` is false. MySQL cannot notify: waiters poll.
 * @throws OnlyonceError OPTION_INVALID
 */
export function mysqlStore(options: MysqlStoreOptions): MysqlStore {
  return createMysqlStore(options)
}
