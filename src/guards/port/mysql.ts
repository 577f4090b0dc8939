import type { Row, SqlPort } from './port.ts'
import { probeWithSavepoint } from './savepoint.ts'
import type { MysqlTx, MysqlValue } from './tx.ts'
import type { SqlInput } from './values.ts'

export function mysqlPort(tx: MysqlTx): SqlPort {
  async function ask(sql: string, values: readonly SqlInput[]): Promise<unknown> {
    const bound = values.map(toMysql)
    // With `execute` the server binds the values; `query` of mysql2 writes them into the statement.
    const [answer] = typeof tx.execute === 'function' ? await tx.execute(sql, bound) : await tx.query(sql, bound)
    return answer
  }
  return {
    dialect: 'mysql',
    pooled: typeof Object(tx).getConnection === 'function',
    quoted: (name) => `\`${name}\``,
    placeholder: () => '?',
    rows: async (sql, values) => (await ask(sql, values)) as readonly Row[],
    async change(sql, values) {
      const { affectedRows } = Object(await ask(sql, values)) as { affectedRows?: number | bigint }
      return affectedRows === undefined ? undefined : Number(affectedRows)
    },
    // Outside of a transaction, setting a savepoint succeeds, but it is gone at once. MySQL cannot prepare SAVEPOINT.
    inTransaction: () => probeWithSavepoint(tx, (sql) => tx.query(sql), isNoSavepoint),
  }
}

/**
 * Sends numbers as text: mysql2 sends a number as a double, which cannot hold every DECIMAL or BIGINT, and a text
 * column compared with a number matches every text that begins with it.
 */
function toMysql(value: SqlInput): MysqlValue {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (typeof value === 'boolean') return value ? 1 : 0
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value
}

/** A unique index refused the row. MySQL undoes only the statement: the transaction goes on. */
export const isDuplicateKey = fault(1062, 'ER_DUP_ENTRY')

/** A scalar subquery returned two rows. */
export const isTwoRows = fault(1242, 'ER_SUBQUERY_NO_1_ROW')

const isNoSavepoint = fault(1305, 'ER_SP_DOES_NOT_EXIST')

function fault(number: number, name: string): (error: unknown) => boolean {
  return (error) => {
    for (let at: unknown = error, depth = 0; typeof at === 'object' && at !== null && depth < 8; depth++) {
      const { errno, code, cause, driverError } = at as Record<string, unknown>
      if (errno === number || code === name) return true
      at = cause ?? driverError
    }
    return false
  }
}
