import { FOREVER } from '../../core/lifecycle.ts'
import type { Lease } from '../../core/record.ts'
import { packText } from '../../embedded/text.ts'
import type { Row } from '../sql/rows.ts'
import type { Batched } from './sql/asked.ts'

/**
 * Batches travel as one JSON text of rows, and all of it is ASCII: text and bytes are in base64. So neither the character set of
 * the connection nor its sql_mode has a say in what is stored, and one statement serves batches of any size.
 */
export type Field = string | number

export function packRows(rows: readonly (readonly Field[])[]): string {
  return JSON.stringify(rows)
}

/** The text and the parameters of a statement for these rows. */
export function batched(statement: Batched, rows: readonly (readonly Field[])[]): [sql: string, values: string[]] {
  const [first] = rows
  if (first === undefined || rows.length > 1) return [statement.many, [packRows(rows)]]
  return [statement.one, statement.order.map((index) => String(first[index]))]
}

/** How much of a packet these fields take, at most: as JSON with its quotes and commas, or as values with their types and lengths. */
export function sizeOf(fields: readonly Field[]): number {
  return fields.reduce<number>((sum, field) => sum + String(field).length + 16, 0)
}

export function base64(bytes: Uint8Array | string): string {
  return (
    typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  ).toString('base64')
}

/** Text as it is stored. */
export function textField(text: string): string {
  return base64(packText(text))
}

/** With a mark before it, so that nothing and the empty text differ; see `optional` in `sql/asked.ts`. */
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
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text is stored as bytes, which no collation compares and no character set changes. */
export function readable(row: Row): Row {
  const read: Record<string, unknown> = { ...row }
  for (const name of TEXTS) {
    const value = read[name]
    if (value instanceof Uint8Array) read[name] = decoded(value)
  }
  return read
}

/** Undefined for bytes that are no text: whoever needs it says so. */
function decoded(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}
