import { perTransaction, type SqlExecutor } from './executor.ts'
import { type KyselyTransaction, kyselyStatement } from './kysely-statement.ts'

/** A transaction of Kysely on PostgreSQL, of `db.transaction()` or `db.startTransaction()`, as `{ tx }` of a store. */
export const fromKysely: (trx: KyselyTransaction) => SqlExecutor = perTransaction((trx) => {
  // A plugin may rename columns, and ours are read by their names.
  const plain = trx.withoutPlugins()
  return {
    async query(text, values = []) {
      const { rows, numAffectedRows } = await plain.executeQuery(kyselyStatement(text, values))
      return { rows, rowCount: Number(numAffectedRows ?? rows.length) }
    },
  }
})
