import { reasonOf } from '../core/errors.ts'
import { type Shape, transactionOver } from './executor.ts'

/** A statement as Kysely passes it to its driver. */
export interface KyselyStatement {
  readonly sql: string
  readonly parameters: readonly unknown[]
  readonly query: {
    readonly kind: 'RawNode'
    readonly sqlFragments: readonly string[]
    readonly parameters: readonly []
  }
  readonly queryId: { readonly queryId: string }
}

/** The part of Kysely's `Transaction` that is used. */
export interface KyselyTransaction {
  readonly isTransaction: true
  withoutPlugins(): {
    executeQuery(statement: KyselyStatement): Promise<KyselyAnswer>
  }
}

interface KyselyAnswer {
  readonly rows: unknown[]
  readonly numAffectedRows?: bigint
  readonly insertId?: bigint
}

export const KYSELY: Shape = {
  name: 'trx',
  must: 'must be the `trx` of `db.transaction().execute(async (trx) => …)`',
  methods: ['withoutPlugins'],
}

/** Builds a statement as Kysely's `CompiledQuery.raw` does. */
function kyselyStatement(sql: string, parameters: readonly unknown[]): KyselyStatement {
  return {
    sql,
    parameters,
    query: { kind: 'RawNode', sqlFragments: [sql], parameters: [] },
    queryId: { queryId: 'onlyonce' },
  }
}

const OVER = /^Transaction is already (?:committed|rolled back)$/

/** Returns what executes statements in a transaction. @throws OnlyonceError CLOSED, once the transaction is over */
export function kyselyIn(
  trx: KyselyTransaction,
): (sql: string, parameters: readonly unknown[]) => Promise<KyselyAnswer> {
  // A plugin may rename columns, which we read by name.
  const plain = trx.withoutPlugins()
  return async (sql, parameters) => {
    try {
      return await plain.executeQuery(kyselyStatement(sql, parameters))
    } catch (error) {
      // Kysely has no flag for it on every transaction, only this error.
      throw OVER.test(reasonOf(error)) ? transactionOver(error) : error
    }
  }
}
