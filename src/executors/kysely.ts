import { perTransaction, type SqlExecutor } from './executor.ts'
import { KYSELY, type KyselyTransaction, kyselyStatement } from './kysely-statement.ts'

/** Adapts a Kysely transaction on PostgreSQL, by `transaction()` or `startTransaction()`, as `{ tx }` of a store. */
export const fromKysely: (trx: KyselyTransaction) => SqlExecutor = perTransaction(KYSELY, (trx) => {
  // A plugin may rename columns, which we read by name.
  const plain = trx.withoutPlugins()
  return {
    async query(text, values = []) {
      const { rows, numAffectedRows } = await plain.executeQuery(kyselyStatement(text, values))
      return { rows, rowCount: Number(numAffectedRows ?? rows.length) }
    },
  }
})
