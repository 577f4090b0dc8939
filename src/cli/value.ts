import { inspect } from 'node:util'
import { printableLines } from './text.ts'

/**
 * Converts a stored value to plain JSON for people: values that JSON lacks become text (`"NaN"`, a bigint's digits, an
 * ISO date, base64), a map becomes pairs, a set a list, undefined null.
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
  const kept = Object.entries(membersOf(error)).map(([name, member]) => [name, plainJson(member)])
  return { name: error.name, message: error.message, ...Object.fromEntries(kept) }
}

/** What is stored of an error besides its name and message. */
function membersOf(error: Error): Record<string, unknown> {
  const { code, data } = error as { readonly code?: unknown; readonly data?: unknown }
  return { ...(code === undefined ? {} : { code }), ...(data === undefined ? {} : { data }) }
}

/** Formats a stored value in JavaScript syntax, with its types, safe to show. */
export function shownValue(value: unknown): string {
  if (value instanceof Error) {
    const members = membersOf(value)
    const more = Object.keys(members).length === 0 ? '' : `\n${shownValue(members)}`
    return `${printableLines(`${value.name}: ${value.message}`)}${more}`
  }
  return printableLines(inspect(value, { depth: null, maxArrayLength: null, maxStringLength: null, breakLength: 100 }))
}
