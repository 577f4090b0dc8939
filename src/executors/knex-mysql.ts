import { type MysqlAnswer, type MysqlExecutor, mysqlExecutor, perTransaction, transactionOver } from './executor.ts'
import { KNEX } from './knex.ts'

/** The part of `Knex.Transaction` that is used. */
export interface KnexMysqlTransaction {
  isCompleted(): boolean
  // biome-ignore lint/suspicious/noExplicitAny: what Knex takes as a value is a type of its own
  raw(sql: string, bindings: any[]): PromiseLike<MysqlAnswer>
}

/** Adapts a Knex transaction on MySQL or MariaDB, with the client `mysql2`, as `{ tx }` of a store. */
export const fromKnexMysql: (trx: KnexMysqlTransaction) => MysqlExecutor = perTransaction(KNEX, (trx) =>
  mysqlExecutor(async (sql, values = []) => {
    if (trx.isCompleted()) throw transactionOver()
    try {
      return await trx.raw(sql, values)
    } catch (error) {
      throw asOfDriver(error)
    }
  }),
)

const AFTER_STATEMENT = ' - '

/** Removes the statement that Knex puts before the driver's message: it holds keys and results, which may be logged. */
function asOfDriver(error: unknown): unknown {
  const { message, sqlMessage } = Object(error) as { message?: unknown; sqlMessage?: unknown }
  const at = String(message).lastIndexOf(AFTER_STATEMENT)
  if (at >= 0) Object(error).message = sqlMessage ?? String(message).slice(at + AFTER_STATEMENT.length)
  return error
}
