import type { Row, SqlPort } from './port.ts'
import type { MysqlTx, MysqlValue } from './tx.ts'
import type { SqlInput } from './values.ts'

export function mysqlPort(tx: MysqlTx): SqlPort {
  async function ask(sql: string, values: readonly SqlInput[]): Promise<unknown> {
    const bound = values.map(toMysql)
    // `execute` has the server fill the values in; `query` of mysql2 writes them into the statement.
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
  }
}

/**
 * Numbers as text: mysql2 sends every number as a double, which has no room for all of a DECIMAL or BIGINT, and a text
 * column compared with a number matches whatever begins with it.
 */
function toMysql(value: SqlInput): MysqlValue {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (typeof value === 'boolean') return value ? 1 : 0
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value
}

const DUPLICATE_KEY = 1062

/** The statement met a unique index. MySQL has undone that statement alone: the transaction goes on. */
export function isDuplicateKey(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; typeof at === 'object' && at !== null && depth < 8; depth++) {
    const { errno, code, cause, driverError } = at as Record<string, unknown>
    if (errno === DUPLICATE_KEY || code === 'ER_DUP_ENTRY') return true
    at = cause ?? driverError
  }
  return false
}
