import { type DrizzleSql, driverError, drizzleQuery, SQL, transactionWith } from './drizzle-sql.ts'
import { type MysqlAnswer, type MysqlExecutor, mysqlExecutor, perTransaction } from './executor.ts'
import { cutAtQuestionMarks } from './placeholders.ts'

/** The part of Drizzle's `MySqlTransaction` that is used. */
export interface DrizzleMysqlTransaction<Query> {
  execute(query: Query): PromiseLike<unknown>
}

/**
 * Adapts the `tx` of Drizzle's `db.transaction(async (tx) => …)` on `mysql2` as `{ tx }` of a store.
 * `sql` is Drizzle's: `import { sql } from 'drizzle-orm'`.
 */
export function fromDrizzleMysql<Query>(tx: DrizzleMysqlTransaction<Query>, sql: DrizzleSql<Query>): MysqlExecutor {
  return ofTransaction(tx as DrizzleMysqlTransaction<unknown>)(sql)
}

const ofTransaction = perTransaction(transactionWith('execute'), (tx: DrizzleMysqlTransaction<unknown>) =>
  perTransaction(SQL, (sql: DrizzleSql<unknown>) =>
    mysqlExecutor(async (text, values = []) => {
      try {
        return (await tx.execute(drizzleQuery(sql, cutAtQuestionMarks(text, values)))) as MysqlAnswer
      } catch (error) {
        throw driverError(error)
      }
    }),
  ),
)
