import { OnlyonceError } from '../../core/errors.ts'
import { portOf } from '../port/of-tx.ts'
import type { DialectOption, SqlTx } from '../port/tx.ts'
import type { RowOf, SqlRow } from '../port/values.ts'
import { comparedColumns, named, naming, type Target, targetOf } from './columns.ts'
import { differences } from './differences.ts'
import { insert } from './insert.ts'

/** Which row `insertOnce` writes, and what its key is. Names are quoted as identifiers, never taken as SQL. */
export interface InsertOnceOptions<Row extends RowOf<Row> = SqlRow> extends DialectOption {
  /** `table` or `schema.table`, spelled as the database keeps it. */
  readonly table: string
  /**
   * Values by column. A column that is left out gets its default of the database; `undefined` is refused, `null` is
   * written.
   */
  readonly row: Row
  /** The business key: columns of the row with a unique index or primary key over exactly them. */
  readonly key: (keyof Row & string) | readonly (keyof Row & string)[]
  /**
   * Default: every column of the row. Columns in which an existing row must agree with this one; those of the key
   * always must. Leave out what differs between deliveries, such as the time of arrival.
   */
  readonly compare?: readonly (keyof Row & string)[]
}

/** How often to retry when a rival deletes the row between our INSERT and our SELECT. */
const MOST_TRIES = 5

/**
 * Inserts the row unless its key exists: the row itself is the record, which a duplicate finds. Waits for a rival that
 * is inserting the same key. Rolled back with its transaction; without one it is committed at once.
 * @throws OnlyonceError KEY_REUSED when the existing row differs; KEY_MISSING, KEY_INVALID for values of the key;
 * OPTION_INVALID for names, values, and a key without unique index; STORE_UNAVAILABLE; the driver's errors
 */
export async function insertOnce<const Row extends RowOf<Row>>(
  tx: SqlTx,
  options: InsertOnceOptions<Row>,
): Promise<'inserted' | 'existed'> {
  const given = named(options, ['table', 'row', 'key', 'compare', 'dialect'])
  const port = portOf(tx, given.dialect)
  const target = targetOf(port, given)
  const compared = comparedColumns(target, given.compare)
  for (let tried = 0; tried < MOST_TRIES; tried++) {
    const inserted = await insert(port, target)
    if (inserted === true) return 'inserted'
    const different = await differences(port, target, compared)
    if (different?.length === 0) return 'existed'
    if (different !== undefined) throw reused(target, different)
    // A unique index other than the key's has refused the row.
    if (inserted !== false) throw inserted.refused
  }
  throw new OnlyonceError(
    'STORE_UNAVAILABLE',
    `${naming(target)} was in the way ${MOST_TRIES} times, and not there to be read: somebody deletes it at the same time, so ask ` +
      'again; or a column of the key keeps another value than it is given, such as a time without its fractions',
  )
}

function reused(target: Target, different: readonly string[]): OnlyonceError {
  return new OnlyonceError(
    'KEY_REUSED',
    `${naming(target)} is there and differs in ${different.join(', ')}: it is another row with the same key, not a ` +
      'duplicate; nothing was written. Where such a column may differ, leave it out of `compare`',
  )
}
