import { type MysqlExecutor, mysqlExecutor, perTransaction } from './executor.ts'
import { type KyselyTransaction, kyselyStatement } from './kysely-statement.ts'

/** A transaction of Kysely on MySQL or MariaDB, of `db.transaction()` or `db.startTransaction()`, as `{ tx }` of a store. */
export const fromKyselyMysql: (trx: KyselyTransaction) => MysqlExecutor = perTransaction((trx) => {
  // A plugin may rename columns, and ours are read by their names.
  const plain = trx.withoutPlugins()
  return mysqlExecutor(async (sql, values = []) => {
    const { rows, numAffectedRows, insertId = 0n } = await plain.executeQuery(kyselyStatement(sql, values))
    // Only a write is said to have affected rows.
    return [numAffectedRows === undefined ? rows : { affectedRows: Number(numAffectedRows), insertId }]
  })
})
