import { oneAtATime } from '../core/one-at-a-time.ts'
import { type DrizzleSql, driverError, drizzleQuery, SQL, transactionWith } from './drizzle-sql.ts'
import { perTransaction, type SqlExecutor, type SqlResult } from './executor.ts'
import { cutAtPlaceholders } from './placeholders.ts'
import { isSavepointCommand } from './savepoint.ts'
import { withServerCode } from './server-code.ts'

/** The part of Drizzle's `PgTransaction` that is used. */
export interface DrizzleTransaction<Query> {
  execute(query: Query): PromiseLike<unknown>
  transaction(work: (tx: DrizzleTransaction<Query>) => Promise<unknown>): PromiseLike<unknown>
}

/** What drivers return: `pg` and others a result with rows, postgres.js the rows themselves. */
type Answer = SqlResult | (unknown[] & { readonly count?: number })

/**
 * Adapts the `tx` of Drizzle's `db.transaction(async (tx) => …)` on PostgreSQL as `{ tx }` of a store.
 * `sql` is Drizzle's: `import { sql } from 'drizzle-orm'`.
 */
export function fromDrizzle<Query>(tx: DrizzleTransaction<Query>, sql: DrizzleSql<Query>): SqlExecutor {
  return ofTransaction(tx as DrizzleTransaction<unknown>)(sql)
}

const ofTransaction = perTransaction(transactionWith('execute', 'transaction'), (tx: DrizzleTransaction<unknown>) => {
  /** What fails in a savepoint would undo what others did since it was set. */
  const inTurn = oneAtATime()
  return perTransaction(SQL, (sql: DrizzleSql<unknown>): SqlExecutor => {
    /** Recognised by its results. It rolls back a transaction if a statement fails outside of its own savepoint. */
    let isPostgresJs = false

    async function send(query: unknown, own: boolean): Promise<Answer> {
      let answer: unknown
      const run = async (inner: DrizzleTransaction<unknown>) => {
        answer = await inner.execute(query)
      }
      if (isPostgresJs && !own) await tx.transaction(run)
      else await run(tx)
      return answer as Answer
    }

    async function query(text: string, values: unknown[]): Promise<SqlResult> {
      try {
        const answer = await send(drizzleQuery(sql, cutAtPlaceholders(text, values)), isSavepointCommand(text))
        isPostgresJs = Array.isArray(answer)
        if (!Array.isArray(answer)) return { rows: answer.rows, rowCount: answer.rowCount ?? null }
        return { rows: [...answer], rowCount: answer.count ?? null }
      } catch (error) {
        throw withServerCode(driverError(error))
      }
    }

    return { query: (text, values = []) => inTurn(() => query(text, values)) }
  })
})
