/** The fields of one row of a batch, in order: their names and SQL types. */
export type Fields = Readonly<Record<string, string>>

export const ID = 'CHAR(32)'
export const TEXT = 'LONGTEXT'
export const BIG = 'BIGINT'

/** A statement for any number of rows, with their fields as `a.field`, and its form for a single row. */
export interface Batched {
  /** With one parameter, the rows as a JSON list of lists. */
  readonly many: string
  /** Avoids the temporary table of `JSON_TABLE`, which costs as much as the statement itself. */
  readonly one: string
  /** The index of the field for each parameter of `one`. */
  readonly order: readonly number[]
}

/** Makes the first parameter, a JSON list of lists, the rows `a`, numbered from 1 by `a.n`. */
export function asked(fields: Fields): string {
  const columns = Object.entries(fields).map(([name, type], index) => `${name} ${type} PATH '$[${index}]'`)
  return `JSON_TABLE(?, '$[*]' COLUMNS (n FOR ORDINALITY, ${columns.join(', ')})) AS a`
}

/**
 * Joins the records to the rows `a`, in the order of `a`: a batch sorted by id takes its locks in that order, so that
 * two batches cannot deadlock. The index is forced: a scan of a small table would lock all of it.
 */
export function found(fields: Fields, table: string, join = 'STRAIGHT_JOIN'): string {
  return `${asked(fields)} ${join} ${table} o FORCE INDEX (PRIMARY) ON o.id = UNHEX(a.id)`
}

/** An update of the records named by the rows `a`. */
export function updating(fields: Fields, table: string, set: string, where: string): Batched {
  return {
    many: `UPDATE ${found(fields, table)}\nSET ${set}\nWHERE ${where}`,
    ...single(fields, `UPDATE ${table} o\nSET ${set}\nWHERE o.id = UNHEX(a.id) AND (${where})`),
  }
}

/** Replaces each `a.field` by a parameter. */
export function single(fields: Fields, text: string): Pick<Batched, 'one' | 'order'> {
  const names = Object.keys(fields)
  const order: number[] = []
  const one = text.replace(/\ba\.(\w+)/g, (_, name: string) => {
    order.push(names.indexOf(name))
    return fields[name] === BIG ? 'CAST(? AS SIGNED)' : '?'
  })
  return { one, order }
}

export const bytes = (field: string): string => `FROM_BASE64(${field})`

/**
 * See `optionalField`: empty stands for NULL. Compared as bytes: a literal has the collation `collation_connection`, which a
 * session may have set to another than its parameters have, and the server refuses to compare the two.
 */
export const optional = (field: string): string => `FROM_BASE64(SUBSTRING(NULLIF(${field}, x''), 2))`
