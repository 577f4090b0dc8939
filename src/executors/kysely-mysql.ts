import { type MysqlExecutor, mysqlExecutor, perTransaction } from './executor.ts'
import { KYSELY, type KyselyTransaction, kyselyIn } from './kysely-statement.ts'

/** Adapts a Kysely transaction on MySQL or MariaDB (`transaction()`, `startTransaction()`) as `{ tx }` of a store. */
export const fromKyselyMysql: (trx: KyselyTransaction) => MysqlExecutor = perTransaction(KYSELY, (trx) => {
  const execute = kyselyIn(trx)
  return mysqlExecutor(async (sql, values = []) => {
    const { rows, numAffectedRows, insertId = 0n } = await execute(sql, values)
    // Only writes report affected rows.
    return [numAffectedRows === undefined ? rows : { affectedRows: Number(numAffectedRows), insertId }]
  })
})
