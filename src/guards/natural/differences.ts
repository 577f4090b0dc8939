import { types } from 'node:util'
import { columnName } from '../port/names.ts'
import type { Row, SqlPort } from '../port/port.ts'
import type { Column, Target } from './columns.ts'
import { isDifferent, isSame } from './same.ts'
import { Statement } from './statement.ts'

/**
 * Returns names of columns in which the existing row differs, at least one if any does; `undefined` without a row with
 * this key. Values read by the driver prove most columns equal. The database compares the rest: only it knows that 10
 * and 10.00 are equal as DECIMAL.
 */
export async function differences(
  port: SqlPort,
  target: Target,
  compared: readonly Column[],
): Promise<readonly string[] | undefined> {
  const stored = await pick(
    port,
    target,
    compared.map(({ quoted }) => quoted),
    [],
  )
  if (stored === undefined) return undefined
  const doubtful = compared.filter((column, nth) => !isSame(column, stored[`c${nth}`]))
  const different = doubtful.filter((column) => isDifferent(column, stored[`c${compared.indexOf(column)}`]))
  const open = doubtful.filter((column) => !different.includes(column))
  if (different.length > 0 || open.length === 0) return different.map(({ name }) => name)
  const judged = await judge(port, target, open)
  return judged && open.filter((_, nth) => Number(judged[`c${nth}`]) !== 1).map(({ name }) => name)
}

function judge(port: SqlPort, target: Target, open: readonly Column[]): Promise<Row | undefined> {
  const statement = new Statement(port)
  return pick(
    port,
    target,
    open.map((column) => EQUAL[port.dialect](column, statement)),
    statement,
  )
}

/** Expressions that are 1 if the stored value equals the given one. Text is compared byte by byte, not by collation. */
const EQUAL: Readonly<Record<SqlPort['dialect'], (column: Column, statement: Statement) => string>> = {
  postgres: ({ quoted, input }, statement) => {
    // The blanks that pad a CHAR(n) are not part of its text; a cast removes them.
    const filled =
      typeof input === 'object'
        ? ''
        : `WHEN pg_typeof(${quoted}) = 'bpchar'::regtype
          AND ${quoted}::text COLLATE "C" = rtrim(${statement.bind(String(input))}::text, ' ') THEN 1`
    // JSON and POINT have no `=`, which would abort the transaction. COALESCE gives the value the type of the column.
    return `CASE ${filled} WHEN to_jsonb(${quoted}) = to_jsonb(COALESCE(${statement.bind(input)}, ${quoted}))
      AND (SELECT typcategory <> 'S' FROM pg_type WHERE oid = pg_typeof(${quoted})) THEN 1 ELSE 0 END`
  },
  // MySQL compares a number with text as doubles, but with a DECIMAL exactly. A Date is text in the pool's time zone.
  mysql: ({ quoted, input }, statement) => {
    const bound = statement.bind(input)
    const isNumber = typeof input !== 'object' && DECIMAL.test(String(input))
    const may = types.isDate(input) ? '' : ` AND CHARSET(${quoted}) = 'binary'`
    return `${quoted} <=> ${isNumber ? `CAST(${bound} AS DECIMAL(65, 30))` : bound}${may}`
  },
  sqlite: ({ quoted, input }, statement) => `${quoted} COLLATE BINARY IS ${statement.bind(input)}`,
}

const DECIMAL = /^-?\d{1,35}(\.\d{1,30})?$/

/** Selects the expressions as c0, c1, … of the row with this key: libraries that rename columns keep such names. */
async function pick(
  port: SqlPort,
  { table, key }: Target,
  expressions: readonly string[],
  before: Statement | readonly [],
): Promise<Row | undefined> {
  const statement = before instanceof Statement ? before : new Statement(port)
  const where = key.map(({ name, input }) => `${columnName(port, name)} = ${statement.bind(input)}`).join(' AND ')
  const list = expressions.map((expression, nth) => `${expression} AS c${nth}`).join(', ')
  // A locking read, because a snapshot from before the rival's commit lacks the row. Not FOR UPDATE: two duplicates
  // would deadlock, since the refused INSERT has left both with a shared lock.
  const lock = port.dialect === 'mysql' ? ' LOCK IN SHARE MODE' : ''
  const [row] = await port.rows(`SELECT ${list} FROM ${table} WHERE ${where}${lock}`, statement.values)
  return row
}
