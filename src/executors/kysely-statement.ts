import type { Shape } from './executor.ts'

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
    executeQuery(statement: KyselyStatement): Promise<{
      readonly rows: unknown[]
      readonly numAffectedRows?: bigint
      readonly insertId?: bigint
    }>
  }
}

export const KYSELY: Shape = {
  name: 'trx',
  must: 'must be the `trx` of `db.transaction().execute(async (trx) => …)`',
  methods: ['withoutPlugins'],
}

/** Builds a statement as Kysely's `CompiledQuery.raw` does. */
export function kyselyStatement(sql: string, parameters: readonly unknown[]): KyselyStatement {
  return {
    sql,
    parameters,
    query: { kind: 'RawNode', sqlFragments: [sql], parameters: [] },
    queryId: { queryId: 'onlyonce' },
  }
}
