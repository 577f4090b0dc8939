import type { Row } from '../sql/rows.ts'

/** A user's type parsers may leave truth and bytes as the text in which the server sends them. */
export function readable(row: Row): Row {
  const { granted, result_body, body } = row
  if (typeof granted !== 'string' && typeof result_body !== 'string' && typeof body !== 'string') return row
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, READ[name]?.(value) ?? value]))
}

export function truth(value: unknown): unknown {
  if (value === 't') return true
  return value === 'f' ? false : value
}

function bytes(value: unknown): unknown {
  if (typeof value !== 'string') return value
  if (value.startsWith('\\x')) return Buffer.from(value.slice(2), 'hex')
  // Under `bytea_output = escape`.
  const plain = value.replace(/\\(\\|[0-7]{3})/g, (_, byte) =>
    byte === '\\' ? byte : String.fromCharCode(Number.parseInt(byte, 8)),
  )
  return Buffer.from(plain, 'latin1')
}

const READ: Readonly<Record<string, (value: unknown) => unknown>> = { granted: truth, result_body: bytes, body: bytes }
