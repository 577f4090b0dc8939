import { oneAtATime } from '../core/one-at-a-time.ts'
import { perTransaction, type Shape, type SqlExecutor, type SqlResult } from './executor.ts'
import { isSavepointCommand } from './savepoint.ts'
import { withServerCode } from './server-code.ts'

/** The part of a postgres.js `TransactionSql` or `ReservedSql` that is used. Bun's own client has it, too. */
export interface PostgresJsSql {
  // biome-ignore lint/suspicious/noExplicitAny: what postgres.js takes as a value depends on the types it was set up with
  unsafe(text: string, values?: any[]): PromiseLike<readonly unknown[] & { readonly count: number | null }>
  savepoint?(work: (sql: PostgresJsSql) => PromiseLike<unknown>): PromiseLike<unknown>
}

const POSTGRES_JS: Shape = {
  name: 'sql',
  must: 'must be the `sql` of `sql.begin(async (sql) => …)`, or a reserved one',
  methods: ['unsafe'],
}

/**
 * Adapts the `sql` of postgres.js' `sql.begin(…)`, or of Bun's, or a reserved one after the caller's BEGIN, as `{ tx }`
 * of a store.
 *
 * postgres.js rolls back a transaction if any statement has failed, even if the error was caught, unless it failed
 * inside `sql.savepoint`. So each statement runs in one, which costs a round trip, and after the one before it: what
 * fails in a savepoint would undo what others did since it was set.
 */
export const fromPostgresJs: (sql: PostgresJsSql) => SqlExecutor = perTransaction(POSTGRES_JS, (sql) => {
  const inTurn = oneAtATime()

  async function query(text: string, values: unknown[]): Promise<SqlResult> {
    let rows: Awaited<ReturnType<PostgresJsSql['unsafe']>> | undefined
    const run = async (inner: PostgresJsSql) => {
      rows = await inner.unsafe(text, values)
    }
    // Our own savepoint commands need no further savepoint.
    try {
      if (sql.savepoint === undefined || isSavepointCommand(text)) await run(sql)
      else await sql.savepoint(run)
    } catch (error) {
      throw withServerCode(error)
    }
    return { rows: [...(rows ?? [])], rowCount: rows?.count ?? null }
  }

  return { query: (text, values = []) => inTurn(() => query(text, values)) }
})
