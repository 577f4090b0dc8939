import type { SqliteConnection } from '../../embedded/driver.ts'

export type Dialect = 'postgres' | 'mysql' | 'sqlite'

/** A connection of `pg`, the transaction of `postgresStore`, or what `onlyonce/executors` makes of another library's. */
export interface PostgresTx {
  query(
    text: string,
    values?: unknown[],
  ): Promise<{
    readonly rows: readonly unknown[]
    readonly rowCount?: number | null
  }>
}

/** A connection of `mysql2/promise`, the transaction of `mysqlStore`, or what `onlyonce/executors` makes of another library's. */
export interface MysqlTx {
  query(sql: string, values?: unknown[]): Promise<readonly [unknown, ...unknown[]]>
  execute(sql: string, values?: MysqlValue[]): Promise<readonly [unknown, ...unknown[]]>
}

export type MysqlValue = string | number | bigint | boolean | Date | null | Uint8Array

/**
 * What the guards write with: the transaction that `once.atomic` hands to its effect, a connection of your own on which a
 * transaction is open, or an executor. A pool will do where one statement is all.
 */
export type SqlTx = PostgresTx | MysqlTx | SqliteConnection

export interface DialectOption {
  /** Default: told by the shape of `tx`. `query` and `execute`: MySQL. `exec` and `prepare`: SQLite. `query`: PostgreSQL. */
  readonly dialect?: Dialect
}
