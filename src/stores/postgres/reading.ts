import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import type { Row } from '../sql/rows.ts'

/** Converts booleans and bytes that a user's type parsers have left in the text form the server sends. */
export function readable(row: Row): Row {
  const { granted, result_body, body } = row
  if (typeof granted !== 'string' && typeof result_body !== 'string' && typeof body !== 'string') return row
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, READ[name]?.(value) ?? value]))
}

/**
 * Whether a claim was granted; `undefined` where there was nothing to claim. Never guesses: a wrong guess would take a
 * record that this call has just written for another owner's.
 * @throws OnlyonceError OPTION_INVALID
 */
export function isGranted({ granted }: Row): boolean | undefined {
  if (typeof granted === 'boolean') return granted
  if (granted === null) return undefined
  throw new OnlyonceError(
    'OPTION_INVALID',
    `the client answered a claim with ${quote(String(granted))} where the server said true or false: leave boolean as it is in its type parsers, and in what wraps it`,
  )
}

/** Returns the parser for one column's text form. */
export function readerOf(column: string): (value: unknown) => unknown {
  return READ[column] ?? ((value) => value)
}

export function truth(value: unknown): unknown {
  if (value === 't') return true
  return value === 'f' ? false : value
}

function bytes(value: unknown): unknown {
  if (typeof value !== 'string') return value
  if (value.startsWith('\\x')) return Buffer.from(value.slice(2), 'hex')
  // The text form under `bytea_output = escape`.
  const plain = value.replace(/\\(\\|[0-7]{3})/g, (_, byte) =>
    byte === '\\' ? byte : String.fromCharCode(Number.parseInt(byte, 8)),
  )
  return Buffer.from(plain, 'latin1')
}

const READ: Readonly<Record<string, (value: unknown) => unknown>> = { granted: truth, result_body: bytes, body: bytes }
