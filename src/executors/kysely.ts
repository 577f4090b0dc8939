import { perTransaction, type SqlExecutor } from './executor.ts'
import { KYSELY, type KyselyTransaction, kyselyIn } from './kysely-statement.ts'

/** Adapts a Kysely transaction on PostgreSQL, by `transaction()` or `startTransaction()`, as `{ tx }` of a store. */
export const fromKysely: (trx: KyselyTransaction) => SqlExecutor = perTransaction(KYSELY, (trx) => {
  const execute = kyselyIn(trx)
  return {
    async query(text, values = []) {
      const { rows, numAffectedRows } = await execute(text, values)
      return { rows, rowCount: Number(numAffectedRows ?? rows.length) }
    },
  }
})
