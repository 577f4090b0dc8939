import { inDoubleQuotes } from './names.ts'
import type { Row, SqlPort } from './port.ts'
import { probeWithSavepoint } from './savepoint.ts'
import { hasReturning } from './texts.ts'
import type { PostgresTx } from './tx.ts'
import type { SqlInput } from './values.ts'

export function postgresPort(tx: PostgresTx): SqlPort {
  const ask = (sql: string, values: readonly SqlInput[]) => tx.query(sql, [...values])
  return {
    dialect: 'postgres',
    // True for pg.Pool, and for a wrapped postgres.js client that is not a transaction.
    pooled: typeof Object(tx).totalCount === 'number',
    quoted: inDoubleQuotes,
    placeholder: (nth) => `$${nth}`,
    rows: async (sql, values) => (await ask(sql, values)).rows as readonly Row[],
    async change(sql, values) {
      const { rows, rowCount } = await ask(sql, values)
      // Not every library reports the number of written rows, so our own statements end in RETURNING.
      return rows.length > 0 ? rows.length : (rowCount ?? (hasReturning('postgres', sql) ? 0 : undefined))
    },
    inTransaction: () => probeWithSavepoint(tx, (sql) => tx.query(sql), isNoTransaction),
  }
}

const isNoTransaction = (error: unknown) => (Object(error) as { code?: unknown }).code === '25P01'
