import { type MysqlAnswer, type MysqlExecutor, mysqlExecutor, perTransaction } from './executor.ts'

/** The part of `Knex.Transaction` that is used. */
export interface KnexMysqlTransaction {
  isCompleted(): boolean
  // biome-ignore lint/suspicious/noExplicitAny: what Knex takes as a value is a type of its own
  raw(sql: string, bindings: any[]): PromiseLike<MysqlAnswer>
}

/** A transaction of Knex on MySQL or MariaDB, with the client `mysql2`, as `{ tx }` of a store. */
export const fromKnexMysql: (trx: KnexMysqlTransaction) => MysqlExecutor = perTransaction((trx) =>
  mysqlExecutor(async (sql, values = []) => trx.raw(sql, values)),
)
