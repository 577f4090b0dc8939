import { OnlyonceError } from '../core/errors.ts'
import { invalidKind } from '../core/option-rules.ts'

/** What the PostgreSQL store takes as `{ tx }`: a transaction with the interface of `pg.Client`. */
export interface SqlExecutor {
  /** Runs one statement with `$1`, `$2`, … in it, inside the transaction. Rejects with the library's error. */
  query(text: string, values?: unknown[]): Promise<SqlResult>
}

/** What a statement answered: its rows as plain objects by column name, none for a write without RETURNING. */
export interface SqlResult {
  // biome-ignore lint/suspicious/noExplicitAny: a row is what the query says, which only the caller knows
  readonly rows: any[]
  /** Number of rows written or read, if the library reports it. */
  readonly rowCount?: number | null
}

/** What the MySQL store takes as `{ tx }`: a transaction with the interface of a `mysql2/promise` connection. */
export interface MysqlExecutor {
  /**
   * Runs one statement, whose `?` the client fills in, inside the transaction. Resolves to rows or a write's header,
   * first.
   */
  query(sql: string, values?: unknown[]): Promise<MysqlAnswer>
  /** As `query`, as a prepared statement where the library has them. */
  execute(sql: string, values?: MysqlValue[]): Promise<MysqlAnswer>
}

/** What can be bound to a prepared statement of MySQL. Where there is no value, give `null`: `undefined` is refused. */
export type MysqlValue = string | number | bigint | boolean | Date | null | Uint8Array

/** Rows, or the header of a write, first. */
// biome-ignore lint/suspicious/noExplicitAny: rows are what the query says, which only the caller knows
export type MysqlAnswer = readonly [any, ...unknown[]]

/** For libraries with a single method for queries. */
export function mysqlExecutor(query: MysqlExecutor['query']): MysqlExecutor {
  return { query, execute: query }
}

/** Not the library's own error, which a store would take for a server that does not answer: ask again later. */
export function transactionOver(cause?: unknown): OnlyonceError {
  return new OnlyonceError(
    'CLOSED',
    'the transaction is over, committed or undone: give `tx` one that is open, and await in it everything that belongs to it',
    cause === undefined ? {} : { cause },
  )
}

/** What is recognised as a parameter: it has all of these methods. */
export interface Shape {
  readonly name: string
  readonly must: string
  readonly methods: readonly string[]
}

/**
 * Returns the same executor for the same transaction: a store may keep state of a transaction by that object.
 * The executor throws OPTION_INVALID for what has another shape.
 */
export function perTransaction<Tx extends object, Executor>(
  { name, must, methods }: Shape,
  make: (tx: Tx) => Executor,
): (tx: Tx) => Executor {
  const made = new WeakMap<Tx, Executor>()
  return (tx) => {
    const known = made.get(tx)
    if (known !== undefined) return known
    const given = Object(tx) as Record<string, unknown>
    if (given !== tx || methods.some((method) => typeof given[method] !== 'function')) throw invalidKind(name, must, tx)
    const executor = make(tx)
    made.set(tx, executor)
    return executor
  }
}
