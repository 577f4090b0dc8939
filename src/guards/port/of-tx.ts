import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import type { SqliteConnection } from '../../embedded/driver.ts'
import { mysqlPort } from './mysql.ts'
import type { SqlPort } from './port.ts'
import { postgresPort } from './postgres.ts'
import { sqlitePort } from './sqlite.ts'
import type { Dialect, MysqlTx, PostgresTx, SqlTx } from './tx.ts'

const DIALECTS: readonly Dialect[] = ['postgres', 'mysql', 'sqlite']

/** Returns the port of a transaction. @throws OnlyonceError OPTION_INVALID when it has none of the expected methods */
export function portOf(tx: SqlTx, dialect?: Dialect): SqlPort {
  if (dialect !== undefined && !DIALECTS.includes(dialect)) {
    throw new OnlyonceError(
      'OPTION_INVALID',
      `option \`dialect\` must be one of ${DIALECTS.map((one) => `'${one}'`).join(', ')}; got ${quote(dialect)}`,
    )
  }
  const spoken = dialect ?? shapeOf(tx)
  if (spoken === 'sqlite' && has(tx, 'prepare')) return sqlitePort(tx as SqliteConnection)
  if (spoken === 'mysql' && has(tx, 'query')) return mysqlPort(tx as MysqlTx)
  if (spoken === 'postgres' && has(tx, 'query')) return postgresPort(tx as PostgresTx)
  throw new OnlyonceError(
    'OPTION_INVALID',
    'the first argument must be a transaction: what once.atomic hands to its effect, a connection with an open transaction, ' +
      `or an executor of onlyonce/executors; got ${quote(tx)}${dialect === undefined ? '' : `, which is none of ${dialect}`}`,
  )
}

/** mysql2 has `prepare` too, so SQLite is recognised by `exec`. */
function shapeOf(tx: unknown): Dialect | undefined {
  if (has(tx, 'exec') && has(tx, 'prepare')) return 'sqlite'
  if (has(tx, 'query') && has(tx, 'execute')) return 'mysql'
  return has(tx, 'query') ? 'postgres' : undefined
}

function has(tx: unknown, method: string): boolean {
  return typeof Object(tx)[method] === 'function'
}
