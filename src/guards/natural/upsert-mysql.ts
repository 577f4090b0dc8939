import { isTwoRows } from '../port/mysql.ts'
import type { SqlPort } from '../port/port.ts'
import type { Column } from './columns.ts'
import { hasMetOwn, whereKey } from './own-row.ts'
import { readBack, type Wanted } from './read-back.ts'
import { Statement } from './statement.ts'
import { requireUnique } from './unique.ts'

/** A subquery that fails when it is evaluated, with an error that undoes only its statement. */
const NEVER = '(SELECT NULL UNION ALL SELECT NULL)'

/**
 * Upserts on MySQL. ON DUPLICATE KEY UPDATE fires for every unique index, and drivers count unchanged rows differently.
 * So the statement is made to fail if it meets a row other than that of this key, or this version with other values.
 */
export async function upsertOnMysql(port: SqlPort, wanted: Wanted): Promise<'written' | 'stale'> {
  const { target, newer } = wanted
  await requireUnique(port, target)
  const { table, columns } = target
  const statement = new Statement(port)
  const names = columns.map(({ quoted }) => quoted).join(', ')
  const values = columns.map(({ input }) => statement.bind(input)).join(', ')
  try {
    await port.change(
      `INSERT INTO ${table} (${names}) VALUES (${values}) ON DUPLICATE KEY UPDATE ${changes(port, wanted)}`,
      statement.values,
    )
  } catch (error) {
    if (!isTwoRows(error)) throw error
    if (await updateOwn(port, wanted)) return 'written'
    return readBack(port, wanted, 'stayed', error)
  }
  return newer === undefined ? 'written' : readBack(port, wanted, 'may be written')
}

/** MySQL assigns columns in order, so the guard comes first and the version last. */
function changes(port: SqlPort, { target, newer, compared }: Wanted): string {
  const { key, rest } = target
  const isOwn = [...key.map(({ quoted }) => `${quoted} <=> VALUES(${quoted})`), ...hasMetOwn(port, key)].join(' AND ')
  const isOther = compared.map((column) => `NOT (${isStill(column)})`).join(' OR ')
  const isRefused =
    newer === undefined || isOther === ''
      ? ''
      : ` AND NOT (${newer.quoted} <=> VALUES(${newer.quoted}) AND (${isOther}))`
  const first = key[0]?.quoted
  const guard = `${first} = IF(${isOwn}${isRefused}, ${first}, ${NEVER})`
  const write = ({ quoted }: Column) =>
    newer === undefined
      ? `${quoted} = VALUES(${quoted})`
      : `${quoted} = IF(${newer.quoted} IS NULL OR ${newer.quoted} < VALUES(${newer.quoted}), VALUES(${quoted}), ${quoted})`
  const last = newer === undefined ? [] : [newer]
  return [guard, ...[...rest.filter((column) => column !== newer), ...last].map(write)].join(', ')
}

/** Compares values as the column holds them: a FLOAT rounds both alike. */
function isStill({ quoted, input }: Column): string {
  return typeof input === 'string'
    ? `CAST(${quoted} AS BINARY) <=> CAST(VALUES(${quoted}) AS BINARY)`
    : `${quoted} <=> VALUES(${quoted})`
}

/** Updates the row of this key only. @throws the driver's error, as when another row has one of its unique values */
async function updateOwn(port: SqlPort, { target, newer }: Wanted): Promise<boolean> {
  const { table, key, rest } = target
  if (rest.length === 0) return false
  const statement = new Statement(port)
  const set = rest.map(({ quoted, input }) => `${quoted} = ${statement.bind(input)}`).join(', ')
  const where = whereKey(port, key, statement)
  const isNewer =
    newer === undefined ? '' : ` AND (${newer.quoted} IS NULL OR ${newer.quoted} < ${statement.bind(newer.input)})`
  const changed = await port.change(`UPDATE ${table} SET ${set} WHERE ${where}${isNewer}`, statement.values)
  return changed === 1
}
