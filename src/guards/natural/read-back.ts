import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import type { SqlPort } from '../port/port.ts'
import { type Column, naming, type Target } from './columns.ts'
import { differences } from './differences.ts'
import { whereKey } from './own-row.ts'
import { Statement } from './statement.ts'

/** The row that an upsert is to write. */
export interface Wanted {
  readonly target: Target
  readonly newer: Column | undefined
  /** Columns in which a row with the same version must agree. */
  readonly compared: readonly Column[]
}

/**
 * Finds out how an upsert ended. `stayed`: it is known to have changed nothing.
 * @throws OnlyonceError KEY_REUSED when there is no row with this key, or one with the same version that differs
 */
export async function readBack(
  port: SqlPort,
  wanted: Wanted,
  known: 'stayed' | 'may be written',
  cause?: unknown,
): Promise<'written' | 'stale'> {
  const { target, newer, compared } = wanted
  const statement = new Statement(port)
  const isStale = newer === undefined ? '1 = 0' : `${newer.quoted} > ${statement.bind(newer.input)}`
  const where = whereKey(port, target.key, statement)
  const lock = port.dialect === 'mysql' ? ' LOCK IN SHARE MODE' : ''
  const sql = `SELECT CASE WHEN ${isStale} THEN 1 ELSE 0 END AS c0 FROM ${target.table} WHERE ${where}${lock}`
  const [row] = await port.rows(sql, statement.values)
  if (row === undefined) {
    throw new OnlyonceError(
      'KEY_REUSED',
      `${naming(target)} was not written: another row has one of its values in a different unique index, or a key that ` +
        'only the collation takes for the same',
      { cause },
    )
  }
  if (Number(row.c0) === 1) return 'stale'
  if (newer === undefined || known !== 'stayed' || compared.length === 0) return 'written'
  const different = (await differences(port, target, compared)) ?? []
  if (different.length === 0) return 'written'
  throw new OnlyonceError(
    'KEY_REUSED',
    `${naming(target)} is there with ${newer.name} ${quote(newer.given)} and differs in ${different.join(', ')}; nothing was ` +
      'written: a version that is not new must not carry other values. Let the source give every change a new version; ' +
      'where such a column may differ, leave it out of `compare`',
    { cause },
  )
}
