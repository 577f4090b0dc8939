import { type MysqlExecutor, mysqlExecutor, perTransaction } from './executor.ts'
import { KYSELY, type KyselyTransaction, kyselyStatement } from './kysely-statement.ts'

/** Adapts a Kysely transaction on MySQL or MariaDB (`transaction()`, `startTransaction()`) as `{ tx }` of a store. */
export const fromKyselyMysql: (trx: KyselyTransaction) => MysqlExecutor = perTransaction(KYSELY, (trx) => {
  // A plugin may rename columns, which we read by name.
  const plain = trx.withoutPlugins()
  return mysqlExecutor(async (sql, values = []) => {
    const { rows, numAffectedRows, insertId = 0n } = await plain.executeQuery(kyselyStatement(sql, values))
    // Only writes report affected rows.
    return [numAffectedRows === undefined ? rows : { affectedRows: Number(numAffectedRows), insertId }]
  })
})
