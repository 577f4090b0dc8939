import type { SqliteConnection } from '../../embedded/driver.ts'

export type Dialect = 'postgres' | 'mysql' | 'sqlite'

/** A connection of `pg`, the transaction of `postgresStore`, or an executor of `onlyonce/executors`. */
export interface PostgresTx {
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
  query(sql: string, values?: unknown[]): Promise<readonly [unknown, ...unknown[]]>
  execute(sql: string, values?: MysqlValue[]): Promise<readonly [unknown, ...unknown[]]>
}

export type MysqlValue = string | number | bigint | boolean | Date | null | Uint8Array

/**
 * What the guards write with: the transaction that `once.atomic` passes to its effect, the caller's own connection with
 * an open transaction, or an executor. A pool is enough for a single statement.
 */
export type SqlTx = PostgresTx | MysqlTx | SqliteConnection

export interface DialectOption {
  /** Default: by methods of `tx`. `exec`, `prepare`: SQLite. `query`, `execute`: MySQL. Only `query`: PostgreSQL. */
  readonly dialect?: Dialect
}
