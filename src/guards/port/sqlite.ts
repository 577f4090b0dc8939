import { allOf } from '../../embedded/all-of.ts'
import type { SqliteConnection, SqliteValue } from '../../embedded/driver.ts'
import { saysInTransaction } from '../../embedded/in-transaction.ts'
import { bindable, statement } from '../../embedded/statements.ts'
import { inDoubleQuotes } from './names.ts'
import type { SqlPort } from './port.ts'
import { hasReturning } from './texts.ts'
import { refuseValue, type SqlInput } from './values.ts'

export function sqlitePort(tx: SqliteConnection): SqlPort {
  const prepared = (sql: string, values: readonly SqlInput[]) => {
    const compiled = statement(tx, sql)
    return { compiled, params: bindable(compiled, values.map(toSqlite)) }
  }
  return {
    dialect: 'sqlite',
    pooled: false,
    quoted: inDoubleQuotes,
    placeholder: () => '?',
    async rows(sql, values) {
      const { compiled, params } = prepared(sql, values)
      return allOf(compiled, sql, params)
    },
    async change(sql, values) {
      const { compiled, params } = prepared(sql, values)
      // libsql leaves a statement open if its rows are not read, and the transaction with it.
      if (hasReturning('sqlite', sql)) return allOf(compiled, sql, params).length
      return Number(compiled.run(...params).changes)
    },
    inTransaction: async () => saysInTransaction(tx) ?? refusesToBegin(tx),
  }
}

/** Probes with BEGIN, which is refused without effect inside a transaction. */
function refusesToBegin(tx: SqliteConnection): boolean {
  try {
    tx.exec('BEGIN')
  } catch {
    return true
  }
  tx.exec('ROLLBACK')
  return false
}

function toSqlite(value: SqlInput): SqliteValue {
  if (typeof value === 'boolean') return value ? 1 : 0
  if (value instanceof Date) {
    throw refuseValue('SQLite has no dates: give the text or the number that the column holds', value)
  }
  return value
}
