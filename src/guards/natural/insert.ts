import { reasonOf } from '../../core/errors.ts'
import { isDuplicateKey } from '../port/mysql.ts'
import type { SqlPort } from '../port/port.ts'
import { noIndex, type Target } from './columns.ts'
import { Statement } from './statement.ts'
import { requireUnique } from './unique.ts'

/** `false`: the key exists. `refused`: the error of a unique index, the key's or another one. */
export type Inserted = true | false | { readonly refused: unknown }

/** Runs one INSERT that does nothing if the key exists. @throws OnlyonceError OPTION_INVALID without unique index */
export async function insert(port: SqlPort, target: Target): Promise<Inserted> {
  const { table, columns, key } = target
  const statement = new Statement(port)
  const names = columns.map(({ quoted }) => quoted).join(', ')
  const values = columns.map(({ input }) => statement.bind(input)).join(', ')
  const plain = `INSERT INTO ${table} (${names}) VALUES (${values})`
  if (port.dialect === 'mysql') {
    await requireUnique(port, target)
    return insertInto(port, plain, statement)
  }
  const onKey = `ON CONFLICT (${key.map(({ quoted }) => quoted).join(', ')}) DO NOTHING`
  const telling = port.dialect === 'postgres' ? ' RETURNING 1' : ''
  try {
    return (await port.change(`${plain} ${onKey}${telling}`, statement.values)) === 1
  } catch (error) {
    throw withoutIndex(error) ? noIndex(target, error) : error
  }
}

/** Not INSERT IGNORE, which would also truncate values that do not fit their columns. */
async function insertInto(port: SqlPort, sql: string, { values }: Statement): Promise<Inserted> {
  try {
    await port.change(sql, values)
    return true
  } catch (refused) {
    if (isDuplicateKey(refused)) return { refused }
    throw refused
  }
}

/** 42P10 is the code of PostgreSQL; SQLite has no specific one. */
export function withoutIndex(error: unknown): boolean {
  const { code } = Object(error) as { code?: unknown }
  return code === '42P10' || /ON CONFLICT clause does not match any/i.test(reasonOf(error))
}
