import { type MysqlExecutor, mysqlExecutor, perTransaction } from './executor.ts'
import { RUNNER, runnerOf, stillOpen, type TypeOrmManager, type TypeOrmQueryRunner } from './typeorm-runner.ts'

/**
 * Adapts the transaction of a TypeORM `EntityManager` on MySQL or MariaDB as `{ tx }` of a store.
 * @throws OnlyonceError OPTION_INVALID when the manager is not that of an open transaction
 */
export function fromTypeOrmMysql(manager: TypeOrmManager): MysqlExecutor {
  return ofRunner(runnerOf(manager))
}

const ofRunner = perTransaction(RUNNER, (runner: TypeOrmQueryRunner) =>
  mysqlExecutor(async (sql, values = []) => [(await stillOpen(runner).query(sql, values, true)).raw]),
)
