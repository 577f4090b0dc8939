/** The fields of one row of a batch, in order: what they are called and what type they have. */
export type Fields = Readonly<Record<string, string>>

export const ID = 'CHAR(32)'
export const TEXT = 'LONGTEXT'
export const BIG = 'BIGINT'

/** A statement for any number of rows, whose fields it calls `a.field`, and the same for a single one. */
export interface Batched {
  /** With one parameter, the rows as a JSON list of lists. */
  readonly many: string
  /** Without the temporary table that `JSON_TABLE` makes, which costs as much as the statement does. */
  readonly one: string
  /** Which field each parameter of `one` is. */
  readonly order: readonly number[]
}

/** The first parameter, a JSON list of lists, as the rows `a`. `a.n` numbers them from 1. */
export function asked(fields: Fields): string {
  const columns = Object.entries(fields).map(([name, type], index) => `${name} ${type} PATH '$[${index}]'`)
  return `JSON_TABLE(?, '$[*]' COLUMNS (n FOR ORDINALITY, ${columns.join(', ')})) AS a`
}

/**
 * The rows that are asked for, in the order in which they are asked for: of a batch that is sorted by id, locks are taken in that
 * order, so that two batches never wait for each other. The index is forced: a scan of a small table would lock all of it.
 */
export function found(fields: Fields, table: string, join = 'STRAIGHT_JOIN'): string {
  return `${asked(fields)} ${join} ${table} o FORCE INDEX (PRIMARY) ON o.id = UNHEX(a.id)`
}

/** Updates the records that are asked for. */
export function updating(fields: Fields, table: string, set: string, where: string): Batched {
  return {
    many: `UPDATE ${found(fields, table)}\nSET ${set}\nWHERE ${where}`,
    ...single(fields, `UPDATE ${table} o\nSET ${set}\nWHERE o.id = UNHEX(a.id) AND (${where})`),
  }
}

/** `a.field` as a parameter, each time that it is named. */
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

/** See `optionalField`: empty stands for NULL. */
export const optional = (field: string): string => `FROM_BASE64(SUBSTRING(NULLIF(${field}, ''), 2))`
