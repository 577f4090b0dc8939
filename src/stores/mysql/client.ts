/** A driver's answer: rows or a header first, then metadata. */
// biome-ignore lint/suspicious/noExplicitAny: rows are what the query says, which only the caller knows
export type MysqlAnswer = readonly [any, ...unknown[]]

/** The handle that an effect writes with: the part of a `mysql2/promise` connection that any driver can offer. */
export interface MysqlTx {
  /** Runs one statement inside the transaction; mysql2 writes the values in place of each `?`. */
  query(sql: string, values?: unknown[]): Promise<MysqlAnswer>
  /** As `query`, but prepared: the server binds the values. */
  execute(sql: string, values?: MysqlValue[]): Promise<MysqlAnswer>
}

/** What can be bound to a prepared statement. Where there is no value, give `null`: `undefined` is refused. */
export type MysqlValue = string | number | bigint | boolean | Date | null | Uint8Array

/** The part of a `PoolConnection` that the store uses. */
export interface MysqlConnection extends MysqlTx {
  release(): void
  /** Closes the connection at once; the pool opens another one when it needs it. */
  destroy(): void
}

/** The part of a `mysql2/promise` pool that the store uses. */
export interface MysqlPool {
  getConnection(): Promise<MysqlConnection>
}

/** The header of a write. Whether `affectedRows` counts unchanged rows depends on the connection's flag FOUND_ROWS. */
export interface Header {
  readonly affectedRows: number
  readonly insertId: number | string | bigint
  readonly warningStatus?: number
  readonly serverStatus?: number
}

/** Flag of `serverStatus`: the statement was in a transaction that is still open. */
export const IN_TRANSACTION = 1
