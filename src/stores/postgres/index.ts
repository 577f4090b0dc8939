import type { PostgresStoreOptions } from './options.ts'
import { createPostgresStore, type PostgresStore } from './store.ts'

export type { Migration, MigrationPlan, Overdue, SchemaReport } from '../sql/schema.ts'
export type { PgClient, PgNamedQuery, PgPool, PgPoolClient, PgResult, PgTx } from './client.ts'
export { postgresMigrations } from './migrations.ts'
export { oneStatement } from './one-statement.ts'
export type { PostgresPartitions, PostgresStoreOptions } from './options.ts'
export type { PostgresStore } from './store.ts'

/**
 * Keeps records in a schema of a PostgreSQL database, version 13 or later. Connects at the first use.
 *
 * A commit is as durable as the connection's `synchronous_commit`, and survives a failover only with a synchronous
 * standby. The store cannot detect that, so its trait `survivesFailover` is false.
 * @throws OnlyonceError OPTION_INVALID
 */
export function postgresStore(options: PostgresStoreOptions): PostgresStore {
  return createPostgresStore(options)
}
