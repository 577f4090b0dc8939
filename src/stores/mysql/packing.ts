import { FOREVER } from '../../core/lifecycle.ts'
import type { Lease } from '../../core/record.ts'
import { packText } from '../../core/stored-text.ts'
import type { Row } from '../sql/rows.ts'
import type { Batched } from './sql/asked.ts'

/**
 * A field of a row. Batches are sent as one JSON text of rows in ASCII: text and bytes are in base64. So neither the
 * connection's character set nor its sql_mode affects what is stored, and one statement serves batches of any size.
 */
export type Field = string | number

export function packRows(rows: readonly (readonly Field[])[]): string {
  return JSON.stringify(rows)
}

/** Returns the SQL and the parameters of a statement for these rows. */
export function batched(statement: Batched, rows: readonly (readonly Field[])[]): [sql: string, values: string[]] {
  const [first] = rows
  if (first === undefined || rows.length > 1) return [statement.many, [packRows(rows)]]
  return [statement.one, statement.order.map((index) => String(first[index]))]
}

/** Upper bound of the bytes of these fields in a packet: as JSON with punctuation, or values with type and length. */
export function sizeOf(fields: readonly Field[]): number {
  return fields.reduce<number>((sum, field) => sum + String(field).length + 16, 0)
}

export function base64(bytes: Uint8Array | string): string {
  return (
    typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  ).toString('base64')
}

/** Encodes text for a statement, in the form in which it is stored. */
export function textField(text: string): string {
  return base64(packText(text))
}

/** Puts a dot before a value, so that NULL and empty text differ; see `optional` in `sql/asked.ts`. */
export function optionalField(stored: string | null | undefined): string {
  return stored === null || stored === undefined ? '' : `.${base64(stored)}`
}

export function optionalText(text: string | undefined): string {
  return optionalField(text === undefined ? undefined : packText(text))
}

export function leaseFields({ id, owner, fence }: Lease): [id: string, owner: string, fence: number] {
  return [id, textField(owner), fence]
}

export function micros(ms: number): number {
  return Math.round(Math.min(ms, FOREVER) * 1000)
}

const TEXTS = ['scope', 'key', 'fingerprint', 'owner', 'topic', 'ordering_key', 'reason'] as const
const ENTRY_TEXTS = [...TEXTS, 'id', 'headers'] as const
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Decodes the text columns of a record, stored as bytes so that no collation or character set affects them. */
export function readable(row: Row): Row {
  return withTexts(row, TEXTS)
}

/** As `readable`, for an entry of the outbox, whose id is text as well. */
export function readableEntry(row: Row): Row {
  return withTexts(row, ENTRY_TEXTS)
}

function withTexts(row: Row, names: readonly string[]): Row {
  const read: Record<string, unknown> = { ...row }
  for (const name of names) {
    const value = read[name]
    if (value instanceof Uint8Array) read[name] = decoded(value)
  }
  return read
}

/** Returns undefined for invalid UTF-8; whoever needs the column then refuses the row. */
function decoded(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}
