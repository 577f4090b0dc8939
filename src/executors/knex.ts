import { OnlyonceError } from '../core/errors.ts'
import { perTransaction, type Shape, type SqlExecutor, type SqlResult, transactionOver } from './executor.ts'
import { cutAtPlaceholders } from './placeholders.ts'

/** The part of `Knex.Transaction` that is used. */
export interface KnexTransaction {
  isCompleted(): boolean
  // biome-ignore lint/suspicious/noExplicitAny: what Knex takes as a value is a type of its own
  raw(sql: string, bindings: any[]): PromiseLike<SqlResult>
}

export const KNEX: Shape = {
  name: 'trx',
  must: 'must be the `trx` of `knex.transaction(async (trx) => …)`',
  methods: ['raw', 'isCompleted'],
}

/** Adapts a Knex transaction on PostgreSQL as `{ tx }` of a store. */
export const fromKnex: (trx: KnexTransaction) => SqlExecutor = perTransaction(KNEX, (trx) => ({
  async query(text, values = []) {
    if (trx.isCompleted()) throw transactionOver()
    const { parts, values: used } = cutAtPlaceholders(text, values)
    if (parts.some((part) => part.includes('\\?'))) throw backslashBeforeMark()
    // Knex takes every `?` for a placeholder; operators of jsonb contain one too.
    const sql = parts.map((part) => part.replaceAll('?', '\\?')).join('?')
    const { rows, rowCount = null } = await trx.raw(sql, used as unknown[])
    return { rows, rowCount }
  },
}))

/** Knex knows an escaped `?`, and no escaped backslash: it would send another text, and nobody would be told. */
function backslashBeforeMark(): OnlyonceError {
  return new OnlyonceError(
    'OPTION_INVALID',
    'the statement has a `?` after a backslash, which Knex takes for a placeholder of its own: give that text as a value, such as `$1`',
  )
}
