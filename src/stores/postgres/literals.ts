import { packText } from '../../core/stored-text.ts'

/**
 * Parameters are sent as text and cast by the statement (`$1::text::uuid[]`). So the driver's own serialization of
 * arrays does not matter, and the server parses them in one pass.
 */

/** An array of numbers or hex digits, which need no quotes. */
export function plainArray(values: readonly (string | number)[]): string {
  return `{${values.join(',')}}`
}

/** An array of any text, packed as it is stored; `undefined` becomes NULL. */
export function textArray(values: readonly (string | undefined)[]): string {
  return `{${values.map(packed).join(',')}}`
}

/** The characters that `packText` would change or that need escaping. */
const UNUSUAL = /["\\\0\ud800-\udfff]/

function packed(value: string | undefined): string {
  if (value === undefined) return 'NULL'
  return UNUSUAL.test(value) ? quoted(packText(value)) : `"${value}"`
}

/** An array of text that is stored unpacked. */
export function rawArray(values: readonly (string | null)[]): string {
  return `{${values.map((value) => (value === null ? 'NULL' : quoted(value))).join(',')}}`
}

/** One buffer for all bodies: an array of bytea would travel in hex, twice as long. */
export function joinBytes(parts: readonly Uint8Array[]): { readonly bytes: Buffer; readonly lengths: string } {
  return { bytes: Buffer.concat(parts), lengths: plainArray(parts.map(({ length }) => length)) }
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`
}
