import { perTransaction, type SqlExecutor } from './executor.ts'
import { isSavepointCommand } from './savepoint.ts'

/** The part of a postgres.js `TransactionSql` or `ReservedSql` that is used. */
export interface PostgresJsSql {
  // biome-ignore lint/suspicious/noExplicitAny: what postgres.js takes as a value depends on the types it was set up with
  unsafe(text: string, values?: any[]): PromiseLike<readonly unknown[] & { readonly count: number | null }>
  savepoint?(work: (sql: PostgresJsSql) => PromiseLike<unknown>): PromiseLike<unknown>
}

/**
 * The `sql` that `sql.begin(…)` of postgres.js hands out as `{ tx }` of a store; or a reserved one after a BEGIN of your own.
 *
 * postgres.js undoes a whole transaction in which any statement failed, also when the error was caught; unless it failed
 * inside `sql.savepoint`. So each statement runs in one, which costs it a round trip.
 */
export const fromPostgresJs: (sql: PostgresJsSql) => SqlExecutor = perTransaction((sql) => ({
  async query(text, values = []) {
    let rows: Awaited<ReturnType<PostgresJsSql['unsafe']>> | undefined
    const run = async (inner: PostgresJsSql) => {
      rows = await inner.unsafe(text, values)
    }
    // Setting a savepoint and going back to it are our own protection, and need no other.
    if (sql.savepoint === undefined || isSavepointCommand(text)) await run(sql)
    else await sql.savepoint(run)
    return { rows: [...(rows ?? [])], rowCount: rows?.count ?? null }
  },
}))
