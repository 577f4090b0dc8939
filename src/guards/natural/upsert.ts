import { OnlyonceError } from '../../core/errors.ts'
import { portOf } from '../port/of-tx.ts'
import type { SqlPort } from '../port/port.ts'
import type { DialectOption, SqlTx } from '../port/tx.ts'
import type { RowOf, SqlRow } from '../port/values.ts'
import { type Column, comparedColumns, named, noIndex, type Target, targetOf } from './columns.ts'
import { withoutIndex } from './insert.ts'
import { hasMetOwn } from './own-row.ts'
import { readBack, type Wanted } from './read-back.ts'
import { Statement } from './statement.ts'
import { upsertOnMysql } from './upsert-mysql.ts'

/**
 * Which row `upsert` writes, what its key is, and what tells a newer delivery from an older one. Names are quoted as
 * identifiers, never taken as SQL.
 */
export interface UpsertOptions<Row extends RowOf<Row> = SqlRow> extends DialectOption {
  /** `table` or `schema.table`, spelled as the database keeps it. */
  readonly table: string
  /**
   * Values by column: all of them are written, or replace those of an older row. `undefined` is refused, `null` is
   * written.
   */
  readonly row: Row
  /** The business key: columns of the row with a unique index or primary key over exactly them. */
  readonly key: (keyof Row & string) | readonly (keyof Row & string)[]
  /**
   * Default: none. A column that grows with every change at the source, such as a version or a time: an existing row with the same or
   * a larger value stays. Without it the last delivery wins, even if it is a late duplicate of an old one.
   */
  readonly newer?: keyof Row & string
  /**
   * Only with `newer`. Default: every column of the row. Columns in which a row with the same version must agree with
   * this one. Leave out what differs between deliveries, such as the time of arrival.
   */
  readonly compare?: readonly (keyof Row & string)[]
}

/**
 * Inserts the row or updates the existing one; a duplicate changes nothing. `stale`: the existing row is newer and
 * stays (only with `newer`).
 * @throws OnlyonceError KEY_REUSED when the existing row has the same version but differs, or has another key that only
 * the collation considers equal; KEY_MISSING, KEY_INVALID for values of the key; OPTION_INVALID; the driver's errors
 */
export async function upsert<const Row extends RowOf<Row>>(
  tx: SqlTx,
  options: UpsertOptions<Row>,
): Promise<'written' | 'stale'> {
  const given = named(options, ['table', 'row', 'key', 'newer', 'compare', 'dialect'])
  const port = portOf(tx, given.dialect)
  const wanted = wantedOf(targetOf(port, given), given)
  if (port.dialect === 'mysql') return upsertOnMysql(port, wanted)
  const { sql, values } = onConflict(port, wanted)
  try {
    if ((await port.change(sql, values)) === 1) return 'written'
  } catch (error) {
    throw withoutIndex(error) ? noIndex(wanted.target, error) : error
  }
  return readBack(port, wanted, 'stayed')
}

interface Versioned {
  readonly newer?: string
  readonly compare?: readonly string[]
}

function wantedOf(target: Target, { newer: name, compare }: Versioned): Wanted {
  const newer = name === undefined ? undefined : versionOf(target, name)
  if (compare !== undefined && newer === undefined) {
    throw new OnlyonceError('OPTION_INVALID', 'option `compare` is for a row with a version: give `newer` as well')
  }
  const compared = comparedColumns(target, compare)
  return { target, newer, compared: target.rest.filter((one) => one !== newer && compared.includes(one)) }
}

function versionOf(target: Target, name: string): Column {
  const column = target.rest.find((one) => one.name === name)
  if (column !== undefined && column.input !== null) return column
  throw new OnlyonceError(
    'OPTION_INVALID',
    `option \`newer\` must name a column of the row that is no key and not null; got \`${name}\``,
  )
}

function onConflict(port: SqlPort, { target, newer }: Wanted): { sql: string; values: Statement['values'] } {
  const { table, columns, key, rest } = target
  const statement = new Statement(port)
  const names = columns.map(({ quoted }) => quoted).join(', ')
  const values = columns.map(({ input }) => statement.bind(input)).join(', ')
  // A row of key columns only is written again, so that it counts as changed.
  const set = (rest.length === 0 ? key : rest).map(({ quoted }) => `${quoted} = excluded.${quoted}`).join(', ')
  const isNewer = newer && `(kept.${newer.quoted} IS NULL OR kept.${newer.quoted} < excluded.${newer.quoted})`
  const may = [...hasMetOwn(port, key), ...(isNewer === undefined ? [] : [isNewer])]
  const where = may.length === 0 ? '' : ` WHERE ${may.join(' AND ')}`
  const telling = port.dialect === 'postgres' ? ' RETURNING 1' : ''
  const onKey = `ON CONFLICT (${key.map(({ quoted }) => quoted).join(', ')}) DO UPDATE SET ${set}${where}`
  return {
    sql: `INSERT INTO ${table} AS kept (${names}) VALUES (${values}) ${onKey}${telling}`,
    values: statement.values,
  }
}
