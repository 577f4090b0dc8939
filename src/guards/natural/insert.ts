import { reasonOf } from '../../core/errors.ts'
import { isDuplicateKey } from '../port/mysql.ts'
import type { SqlPort } from '../port/port.ts'
import { noIndex, type Target } from './columns.ts'
import { Statement } from './statement.ts'
import { requireUnique } from './unique.ts'

/** `false`: the key is there. `refused`: a unique index is in the way, the key's or another one. */
export type Inserted = true | false | { readonly refused: unknown }

/** One INSERT that does nothing where the key is there. @throws what the driver throws */
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

/** Not INSERT IGNORE, which also lets pass what does not fit a column, cut to size. */
async function insertInto(port: SqlPort, sql: string, { values }: Statement): Promise<Inserted> {
  try {
    await port.change(sql, values)
    return true
  } catch (refused) {
    if (isDuplicateKey(refused)) return { refused }
    throw refused
  }
}

/** 42P10 is PostgreSQL's code; SQLite has none of its own for it. */
export function withoutIndex(error: unknown): boolean {
  const { code } = Object(error) as { code?: unknown }
  return code === '42P10' || /ON CONFLICT clause does not match any/i.test(reasonOf(error))
}
