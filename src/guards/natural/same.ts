import { types } from 'node:util'
import { canonicalJson } from '../../core/canonical-json.ts'
import { isJson } from '../port/values.ts'
import type { Column } from './columns.ts'

type Written = Pick<Column, 'given' | 'input'>

/** A time as text with a zone, no finer than the milliseconds of a Date. */
const ZONED = /^[^.]*(?:\.\d{1,3})?(?:Z|[+-]\d\d:\d\d)$/

/** Whether the value that a driver read certainly equals the given one. */
export function isSame({ given, input }: Written, stored: unknown): boolean {
  if (stored === null || stored === undefined) return input === null
  if (input === null) return false
  if (stored instanceof Uint8Array) return sameBytes(input, stored)
  if (types.isDate(stored)) return types.isDate(input) && stored.getTime() === input.getTime()
  // It may be rounded: mysql2 and SQLite drivers return a BIGINT as a number.
  if (typeof stored === 'number' && Math.abs(stored) > Number.MAX_SAFE_INTEGER) return false
  if (isJson(stored)) return sameJson(input, stored)
  if (isJson(given) && typeof stored === 'string') return sameJson(input, parsed(stored))
  // In a text column, drivers store booleans differently.
  if (typeof input === 'boolean' && typeof stored !== 'boolean')
    return [String(input), input ? '1' : '0'].includes(String(stored))
  if (types.isDate(input))
    return typeof stored === 'string' && ZONED.test(stored) && Date.parse(stored) === Number(input)
  if (input instanceof Uint8Array) return false
  return typeof input === 'boolean' ? input === stored : String(input) === String(stored)
}

/** Whether a value that is not certainly the same is certainly different, without asking the database. */
export function isDifferent({ given, input }: Written, stored: unknown): boolean {
  if (stored === null || stored === undefined || input === null) return true
  // A list or object read by a driver may be an array, interval or point, which the caller gives as text.
  return isJson(given) || input instanceof Uint8Array
}

function sameBytes(input: unknown, stored: Uint8Array): boolean {
  const bytes = input instanceof Uint8Array ? input : typeof input === 'string' ? Buffer.from(input) : undefined
  return bytes !== undefined && Buffer.compare(bytes, stored) === 0
}

function sameJson(input: unknown, stored: unknown): boolean {
  if (typeof input !== 'string' || stored === undefined) return false
  const given = parsed(input)
  return given !== undefined && canonicalJson(given) === canonicalJson(stored)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
