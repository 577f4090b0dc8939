import type { SqliteConnection } from '../../embedded/driver.ts'

/** Whose SQL is written or judged; `mysql` is also MariaDB. */
export type Dialect = 'postgres' | 'mysql' | 'sqlite'

/** A connection of `pg`, the transaction of `postgresStore`, or an executor of `onlyonce/executors`. */
export interface PostgresTx {
  /** Runs one statement with `$1`, `$2`, … in it. */
  query(
    text: string,
    values?: unknown[],
  ): Promise<{
    readonly rows: readonly unknown[]
    readonly rowCount?: number | null
  }>
}

/** A connection of `mysql2/promise`, the transaction of `mysqlStore`, or an executor of `onlyonce/executors`. */
export interface MysqlTx {
  /** Runs one statement, whose `?` the client fills in. */
  query(sql: string, values?: unknown[]): Promise<readonly [unknown, ...unknown[]]>
  /** As `query`, but prepared: the server binds the values. What the guards write goes this way. */
  execute(sql: string, values?: MysqlValue[]): Promise<readonly [unknown, ...unknown[]]>
}

/** What can be bound to a prepared statement of MySQL. Where there is no value, give `null`: `undefined` is refused. */
export type MysqlValue = string | number | bigint | boolean | Date | null | Uint8Array

/**
 * What the guards write with: the transaction that `once.atomic` passes to its effect, the caller's own connection with
 * an open transaction, or an executor. A pool is enough for a single statement.
 */
export type SqlTx = PostgresTx | MysqlTx | SqliteConnection

/** For a `tx` whose methods do not tell the database that it belongs to. */
export interface DialectOption {
  /** Default: by methods of `tx`. `exec`, `prepare`: SQLite. `query`, `execute`: MySQL. Only `query`: PostgreSQL. */
  readonly dialect?: Dialect
}
