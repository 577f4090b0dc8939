import { OnlyonceError } from '../../core/errors.ts'
import { portOf } from '../port/of-tx.ts'
import type { SqlPort } from '../port/port.ts'
import type { DialectOption, SqlTx } from '../port/tx.ts'
import type { RowOf, SqlRow } from '../port/values.ts'
import { type Column, naming, noIndex, type Target, targetOf } from './columns.ts'
import { differences } from './differences.ts'
import { withoutIndex } from './insert.ts'
import { Statement } from './statement.ts'
import { requireUnique } from './unique.ts'

export interface UpsertOptions<Row extends RowOf<Row> = SqlRow> extends DialectOption {
  /** `table` or `schema.table`, spelled as the database keeps it. */
  readonly table: string
  readonly row: Row
  /** The business key: columns of the row with a unique index or primary key over exactly them. */
  readonly key: (keyof Row & string) | readonly (keyof Row & string)[]
  /**
   * A column that grows with every change at the source, such as a version or a time: a row that is there with the same or
   * a larger one stays. Without it the last delivery wins, even if it is a late duplicate of an old one.
   */
  readonly newer?: keyof Row & string
}

/**
 * Makes the row what it is given as, whether it is there or not: the same again changes nothing. `stale`: what is there
 * is newer, and stays (only with `newer`).
 * @throws OnlyonceError KEY_MISSING, KEY_INVALID for the values of the key; OPTION_INVALID; what the driver throws
 */
export async function upsert<const Row extends RowOf<Row>>(
  tx: SqlTx,
  options: UpsertOptions<Row>,
): Promise<'written' | 'stale'> {
  const port = portOf(tx, options.dialect)
  const target = targetOf(port, options)
  const newer = versionOf(target, options.newer)
  if (port.dialect === 'mysql') return upsertOnMysql(port, target, newer)
  const { sql, values } = onConflict(port, target, newer)
  try {
    if ((await port.change(sql, values)) === 1) return 'written'
  } catch (error) {
    throw withoutIndex(error) ? noIndex(target, error) : error
  }
  return readBack(port, target, newer)
}

function versionOf(target: Target, name: string | undefined): Column | undefined {
  if (name === undefined) return undefined
  const column = target.rest.find((one) => one.name === name)
  if (column !== undefined && column.input !== null) return column
  throw new OnlyonceError(
    'OPTION_INVALID',
    `option \`newer\` must name a column of the row that is no key and not null; got \`${name}\``,
  )
}

function onConflict(
  port: SqlPort,
  target: Target,
  newer: Column | undefined,
): { sql: string; values: Statement['values'] } {
  const { table, columns, key, rest } = target
  const statement = new Statement(port)
  const names = columns.map(({ quoted }) => quoted).join(', ')
  const values = columns.map(({ input }) => statement.bind(input)).join(', ')
  // A row that is nothing but its key is written as it is, so that it counts as one.
  const set = (rest.length === 0 ? key : rest).map(({ quoted }) => `${quoted} = excluded.${quoted}`).join(', ')
  const where =
    newer === undefined ? '' : ` WHERE kept.${newer.quoted} IS NULL OR kept.${newer.quoted} < excluded.${newer.quoted}`
  const telling = port.dialect === 'postgres' ? ' RETURNING 1' : ''
  const onKey = `ON CONFLICT (${key.map(({ quoted }) => quoted).join(', ')}) DO UPDATE SET ${set}${where}`
  return {
    sql: `INSERT INTO ${table} AS kept (${names}) VALUES (${values}) ${onKey}${telling}`,
    values: statement.values,
  }
}

/**
 * ON DUPLICATE KEY UPDATE fires for every unique index, so each column changes only in a row that has this key; and
 * columns change one after the other, so the version comes last. What became of it is read back: drivers count a row that
 * stays as it is differently.
 */
async function upsertOnMysql(port: SqlPort, target: Target, newer: Column | undefined): Promise<'written' | 'stale'> {
  const isOnlyIndex = await requireUnique(port, target)
  const { table, columns, key, rest } = target
  const statement = new Statement(port)
  const names = columns.map(({ quoted }) => quoted).join(', ')
  const values = columns.map(({ input }) => statement.bind(input)).join(', ')
  const isOurs = key.map(({ quoted }) => `${quoted} <=> VALUES(${quoted})`)
  const isNewer = newer && `(${newer.quoted} IS NULL OR ${newer.quoted} < VALUES(${newer.quoted}))`
  const may = [...isOurs, ...(isNewer === undefined ? [] : [isNewer])].join(' AND ')
  const set = [...rest.filter((column) => column !== newer), ...(newer === undefined ? [] : [newer])]
    .map(({ quoted }) => `${quoted} = IF(${may}, VALUES(${quoted}), ${quoted})`)
    .join(', ')
  const keep = `${key[0]?.quoted} = ${table}.${key[0]?.quoted}`
  const changed = await port.change(
    `INSERT INTO ${table} (${names}) VALUES (${values}) ON DUPLICATE KEY UPDATE ${set === '' ? keep : set}`,
    statement.values,
  )
  // Two: a row that was there has changed, and that is ours. Otherwise another index may have met its row first.
  const isSure = isOnlyIndex || changed === 2 || rest.length === 0
  if (!isSure && (await differences(port, target, rest))?.length) await updateOurs(port, target, newer)
  return readBack(port, target, newer)
}

/** @throws what the driver throws, where another row has one of its values */
async function updateOurs(port: SqlPort, { table, key, rest }: Target, newer: Column | undefined): Promise<void> {
  const statement = new Statement(port)
  const equal = ({ quoted, input }: Column) => `${quoted} = ${statement.bind(input)}`
  const set = rest.map(equal).join(', ')
  const where = key.map(equal).join(' AND ')
  const isNewer =
    newer === undefined ? '' : ` AND (${newer.quoted} IS NULL OR ${newer.quoted} < ${statement.bind(newer.input)})`
  await port.change(`UPDATE ${table} SET ${set} WHERE ${where}${isNewer}`, statement.values)
}

async function readBack(port: SqlPort, target: Target, newer: Column | undefined): Promise<'written' | 'stale'> {
  const statement = new Statement(port)
  const isStale = newer === undefined ? '1 = 0' : `${newer.quoted} > ${statement.bind(newer.input)}`
  const where = target.key.map(({ quoted, input }) => `${quoted} = ${statement.bind(input)}`).join(' AND ')
  const lock = port.dialect === 'mysql' ? ' LOCK IN SHARE MODE' : ''
  const sql = `SELECT CASE WHEN ${isStale} THEN 1 ELSE 0 END AS c0 FROM ${target.table} WHERE ${where}${lock}`
  const [row] = await port.rows(sql, statement.values)
  if (row !== undefined) return Number(row.c0) === 1 ? 'stale' : 'written'
  throw new OnlyonceError(
    'KEY_REUSED',
    `${naming(target)} was not written: another row has one of its values in a different unique index`,
  )
}
