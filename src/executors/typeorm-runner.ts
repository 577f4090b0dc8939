import { OnlyonceError } from '../core/errors.ts'
import { type Shape, transactionOver } from './executor.ts'

/** The part of TypeORM's `QueryRunner` that is used. */
export interface TypeOrmQueryRunner {
  readonly isTransactionActive: boolean
  query(text: string, values: unknown[], structured: true): Promise<TypeOrmResult>
}

/** The part of TypeORM's `QueryResult` that is used. */
export interface TypeOrmResult {
  /** What the driver returned. */
  readonly raw: unknown
  readonly records: unknown[]
  readonly affected?: number
}

/** The part of TypeORM's `EntityManager` that is used: that of `transaction`, or of a query runner. */
export interface TypeOrmManager {
  readonly queryRunner?: TypeOrmQueryRunner | undefined
}

export const RUNNER: Shape = { name: 'manager', must: 'must have a query runner of TypeORM', methods: ['query'] }

/** @throws OnlyonceError OPTION_INVALID when the manager is not that of an open transaction */
export function runnerOf(manager: TypeOrmManager): TypeOrmQueryRunner {
  const { queryRunner } = Object(manager) as TypeOrmManager
  if (queryRunner?.isTransactionActive === true) return queryRunner
  throw new OnlyonceError(
    'OPTION_INVALID',
    'the EntityManager has no open transaction to join: give the one that `dataSource.transaction(…)` hands to your function',
  )
}

/** @throws OnlyonceError CLOSED, for an executor that is older than the end of its transaction */
export function stillOpen(runner: TypeOrmQueryRunner): TypeOrmQueryRunner {
  if (!runner.isTransactionActive) throw transactionOver()
  return runner
}
