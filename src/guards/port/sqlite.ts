import type { SqliteConnection, SqliteValue } from '../../embedded/driver.ts'
import { bindable, statement } from '../../embedded/statements.ts'
import { inDoubleQuotes } from './names.ts'
import type { Row, SqlPort } from './port.ts'
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
      return compiled.all(...params) as Row[]
    },
    async change(sql, values) {
      const { compiled, params } = prepared(sql, values)
      // libsql leaves a statement open that is run without taking its rows, and the transaction with it.
      if (/\breturning\b/i.test(sql)) return compiled.all(...params).length
      return Number(compiled.run(...params).changes)
    },
  }
}

function toSqlite(value: SqlInput): SqliteValue {
  if (typeof value === 'boolean') return value ? 1 : 0
  if (value instanceof Date) {
    throw refuseValue('SQLite has no dates: give the text or the number that the column holds', value)
  }
  return value
}
