import { packText } from '../../embedded/text.ts'

/**
 * Parameters are sent as text and cast by the statement (`$1::text::uuid[]`): no driver then has a say in how arrays are
 * written, and the server reads them in one go.
 */

/** Of numbers and hex digits, which need no quotes. */
export function plainArray(values: readonly (string | number)[]): string {
  return `{${values.join(',')}}`
}

/** Of any text, packed as it is stored; left out stands for NULL. */
export function textArray(values: readonly (string | undefined)[]): string {
  return `{${values.map(packed).join(',')}}`
}

/** What `packText` would change, and what has to be escaped. */
const UNUSUAL = /["\\\0\ud800-\udfff]/

function packed(value: string | undefined): string {
  if (value === undefined) return 'NULL'
  return UNUSUAL.test(value) ? quoted(packText(value)) : `"${value}"`
}

/** Of text that is stored as it is. */
export function rawArray(values: readonly (string | null)[]): string {
  return `{${values.map((value) => (value === null ? 'NULL' : quoted(value))).join(',')}}`
}

/** One buffer for all bodies: as an array of bytea they would travel in hex, twice as long. */
export function joinBytes(parts: readonly Uint8Array[]): { readonly bytes: Buffer; readonly lengths: string } {
  return { bytes: Buffer.concat(parts), lengths: plainArray(parts.map(({ length }) => length)) }
}

/**
 * For `EXECUTE` in a simple query, which has no parameters. An E string, so that no setting changes what it means; an
 * apostrophe is doubled, since `backslash_quote` may refuse the other way.
 */
export function textLiteral(value: string | null): string {
  return value === null ? 'NULL' : `E'${value.replace(/\\/g, '\\\\').replace(/'/g, "''")}'`
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`
}
