import { inspect } from 'node:util'
import { printableLines } from './text.ts'

/**
 * A stored value as plain JSON, for reading: what JSON has no word for is written as text (`"NaN"`, a bigint's digits,
 * an ISO date, base64), a map as pairs, a set as a list, undefined as null.
 */
export function plainJson(value: unknown): unknown {
  if (value === undefined) return null
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0) ? value : inspect(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof Error) return errorJson(value)
  if (value instanceof Map) return [...value].map((pair) => pair.map(plainJson))
  if (value instanceof Set || Array.isArray(value)) return [...value].map(plainJson)
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plainJson(member)]))
}

function errorJson(error: Error): unknown {
  const { code } = error as { code?: unknown }
  return { name: error.name, message: error.message, ...(code === undefined ? {} : { code: plainJson(code) }) }
}

/** A stored value as JavaScript would write it, with its types, safe to show. */
export function shownValue(value: unknown): string {
  if (value instanceof Error) return printableLines(`${value.name}: ${value.message}`)
  return printableLines(inspect(value, { depth: null, maxArrayLength: null, maxStringLength: null, breakLength: 100 }))
}
