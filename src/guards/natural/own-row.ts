import type { SqlPort } from '../port/port.ts'
import type { Column } from './columns.ts'
import type { Statement } from './statement.ts'

/**
 * The row of this key and no other: for a collation that ignores case or accents, 'aB3x' and 'Ab3X' are one key. Equal
 * first, so that the index is used; then byte by byte where the column holds text.
 */
export function whereKey(port: SqlPort, key: readonly Column[], statement: Statement): string {
  return key
    .map((column) => {
      const { quoted, input } = column
      const isEqual = `${quoted} = ${statement.bind(input)}`
      return isText(column) ? `${isEqual} AND ${SAME_TEXT[port.dialect](quoted, () => statement.bind(input))}` : isEqual
    })
    .join(' AND ')
}

type Dialects<T> = Readonly<Record<SqlPort['dialect'], T>>

const isText = ({ input }: Column) => typeof input === 'string'

/** COALESCE gives the value the type of the column, which spells a UUID in one way and takes the blanks off a CHAR(n). */
const SAME_TEXT: Dialects<(quoted: string, bind: () => string) => string> = {
  postgres: (quoted, bind) =>
    `(${isNoText(quoted)} OR ${quoted}::text COLLATE "C" = COALESCE(${bind()}, ${quoted})::text)`,
  mysql: (quoted, bind) =>
    `(CHARSET(${quoted}) = 'binary' OR ${bytes(quoted)} = ${bytes(`COALESCE(${bind()}, ${quoted})`)})`,
  sqlite: (quoted, bind) => `${quoted} COLLATE BINARY = ${bind()}`,
}

/** The same of the row that is in the way of an INSERT: its column against the one that was to be inserted. */
const SAME_TEXT_MET: Dialects<(quoted: string) => string> = {
  postgres: (quoted) =>
    `(${isNoText(`kept.${quoted}`)} OR kept.${quoted}::text COLLATE "C" = excluded.${quoted}::text)`,
  mysql: (quoted) => `CAST(${quoted} AS BINARY) <=> CAST(VALUES(${quoted}) AS BINARY)`,
  sqlite: (quoted) => `kept.${quoted} COLLATE BINARY = excluded.${quoted}`,
}

/** Conditions under which an upsert has met the row of its key, and not one that only the collation takes for it. */
export function hasMetOwn(port: SqlPort, key: readonly Column[]): readonly string[] {
  return key.filter(isText).map(({ quoted }) => SAME_TEXT_MET[port.dialect](quoted))
}

/** A DATE or UUID that is given as text has more than one spelling. */
const isNoText = (quoted: string) => `(SELECT typcategory <> 'S' FROM pg_type WHERE oid = pg_typeof(${quoted}))`

/** In one character set, whatever those of the column and the connection are. */
const bytes = (text: string) => `CAST(CONVERT(${text} USING utf8mb4) AS BINARY)`
