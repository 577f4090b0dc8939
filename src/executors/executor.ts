/** What the PostgreSQL store takes as `{ tx }`: a transaction that is asked as `pg.Client` is asked. */
export interface SqlExecutor {
  query(text: string, values?: unknown[]): Promise<SqlResult>
}

export interface SqlResult {
  // biome-ignore lint/suspicious/noExplicitAny: a row is what the query says, which only the caller knows
  readonly rows: any[]
  /** Rows that were written or read, where the library tells. */
  readonly rowCount?: number | null
}

/** What the MySQL store takes as `{ tx }`: a transaction that is asked as a connection of `mysql2/promise` is asked. */
export interface MysqlExecutor {
  query(sql: string, values?: unknown[]): Promise<MysqlAnswer>
  execute(sql: string, values?: MysqlValue[]): Promise<MysqlAnswer>
}

export type MysqlValue = string | number | bigint | boolean | Date | null | Uint8Array

/** Rows, or what a write says of itself, first. */
// biome-ignore lint/suspicious/noExplicitAny: rows are what the query says, which only the caller knows
export type MysqlAnswer = readonly [any, ...unknown[]]

/** For libraries that have one way to ask. */
export function mysqlExecutor(query: MysqlExecutor['query']): MysqlExecutor {
  return { query, execute: query }
}

/** The same transaction gives the same executor: a store may keep what it knows of a transaction under that object. */
export function perTransaction<Tx extends object, Executor>(make: (tx: Tx) => Executor): (tx: Tx) => Executor {
  const made = new WeakMap<Tx, Executor>()
  return (tx) => {
    const known = made.get(tx)
    if (known !== undefined) return known
    const executor = make(tx)
    made.set(tx, executor)
    return executor
  }
}
