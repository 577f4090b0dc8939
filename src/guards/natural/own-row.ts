import type { SqlPort } from '../port/port.ts'
import type { Column } from './columns.ts'
import type { Statement } from './statement.ts'

/**
 * Returns a condition for exactly the row of this key: to a collation that ignores case or accents, 'aB3x' and 'Ab3X'
 * are equal. Compares with `=` first, to use the index, then byte by byte if the column holds text.
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

/** COALESCE gives the value the column's type, which normalises UUIDs and removes the padding of a CHAR(n). */
const SAME_TEXT: Dialects<(quoted: string, bind: () => string) => string> = {
  postgres: (quoted, bind) =>
    `(${isNoText(quoted)} OR ${quoted}::text COLLATE "C" = COALESCE(${bind()}, ${quoted})::text)`,
  mysql: (quoted, bind) =>
    `(CHARSET(${quoted}) = 'binary' OR ${bytes(quoted)} = ${bytes(`COALESCE(${bind()}, ${quoted})`)})`,
  sqlite: (quoted, bind) => `${quoted} COLLATE BINARY = ${bind()}`,
}

/** The same for a row that conflicts with an INSERT: its column compared with the value to be inserted. */
const SAME_TEXT_MET: Dialects<(quoted: string) => string> = {
  postgres: (quoted) =>
    `(${isNoText(`kept.${quoted}`)} OR kept.${quoted}::text COLLATE "C" = excluded.${quoted}::text)`,
  mysql: (quoted) => `CAST(${quoted} AS BINARY) <=> CAST(VALUES(${quoted}) AS BINARY)`,
  sqlite: (quoted) => `kept.${quoted} COLLATE BINARY = excluded.${quoted}`,
}

/** Conditions that an upsert met the row of its own key, and not one that only the collation considers equal. */
export function hasMetOwn(port: SqlPort, key: readonly Column[]): readonly string[] {
  return key.filter(isText).map(({ quoted }) => SAME_TEXT_MET[port.dialect](quoted))
}

/** True for columns such as DATE or UUID, whose values have several spellings as text. */
const isNoText = (quoted: string) => `(SELECT typcategory <> 'S' FROM pg_type WHERE oid = pg_typeof(${quoted}))`

/** Bytes in one character set, whatever that of the column or the connection. */
const bytes = (text: string) => `CAST(CONVERT(${text} USING utf8mb4) AS BINARY)`
