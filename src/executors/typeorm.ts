import { perTransaction, type SqlExecutor } from './executor.ts'
import { RUNNER, runnerOf, stillOpen, type TypeOrmManager, type TypeOrmQueryRunner } from './typeorm-runner.ts'

/**
 * Adapts the transaction of a TypeORM `EntityManager` on PostgreSQL as `{ tx }` of a store.
 * @throws OnlyonceError OPTION_INVALID when the manager is not that of an open transaction
 */
export function fromTypeOrm(manager: TypeOrmManager): SqlExecutor {
  return ofRunner(runnerOf(manager))
}

const ofRunner = perTransaction(
  RUNNER,
  (runner: TypeOrmQueryRunner): SqlExecutor => ({
    async query(text, values = []) {
      const { records = [], affected = null } = await stillOpen(runner).query(text, values, true)
      return { rows: records, rowCount: affected }
    },
  }),
)
