import { inspect, isDeepStrictEqual } from 'node:util'
import { isPlainObject } from '../../core/value-path.ts'
import type { Row, Tables } from './tables.ts'
import type { WorldState } from './world.ts'

/** Which columns are not compared, as `table.column`, `column` or `table`. */
export type Ignored = ReadonlySet<string>

/** Returns how a state differs from the expected one, as lines for people; empty if it does not. */
export function differences(expected: WorldState, actual: WorldState, ignored: Ignored): readonly string[] {
  const names = new Set([...Object.keys(expected.tables), ...Object.keys(actual.tables)])
  const lines = [...names].sort().flatMap((name) => {
    if (ignored.has(name)) return []
    return tableDifferences(name, visible(name, expected.tables, ignored), visible(name, actual.tables, ignored))
  })
  if (!isDeepStrictEqual(expected.whole, actual.whole)) {
    lines.push(`expected ${print(expected.whole)}`, `but is   ${print(actual.whole)}`)
  }
  return lines
}

/** Returns the columns in which two clean runs differ, by time or by chance. They prove nothing about a crash. */
export function volatileColumns(one: Tables, other: Tables): readonly string[] {
  return Object.entries(one).flatMap(([name, rows]) => {
    const again = other[name] ?? []
    // Different numbers of rows are a difference of rows, not of columns.
    if (rows.length !== again.length) return []
    const columns = new Set([...rows, ...again].flatMap((row) => Object.keys(row)))
    return [...columns].filter((column) => !sameValues(rows, again, column)).map((column) => `${name}.${column}`)
  })
}

function sameValues(rows: readonly Row[], again: readonly Row[], column: string): boolean {
  const values = (of: readonly Row[]) => of.map((row) => inFull(row[column])).sort()
  return isDeepStrictEqual(values(rows), values(again))
}

function visible(name: string, tables: Tables, ignored: Ignored): readonly string[] {
  const rows = (tables[name] ?? []).map((row) => {
    const kept = Object.entries(row).filter(([column]) => !ignored.has(column) && !ignored.has(`${name}.${column}`))
    return inFull(Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1))))
  })
  return rows.sort()
}

/** Maximum number of rows shown per table, and of characters per row. */
const SHOWN = 6
const MOST_SHOWN = 1_000

function tableDifferences(name: string, expected: readonly string[], actual: readonly string[]): readonly string[] {
  const missing = without(expected, actual)
  const more = without(actual, expected)
  if (missing.length === 0 && more.length === 0) return []
  const count = `${actual.length} ${actual.length === 1 ? 'row' : 'rows'}`
  const head =
    expected.length === actual.length
      ? `${name}: ${count}, as it should be, but not the same`
      : `${name}: ${count} in place of ${expected.length}`
  return [head, ...shown('-', missing), ...shown('+', more)]
}

function shown(sign: string, rows: readonly string[]): readonly string[] {
  const some = rows
    .slice(0, SHOWN)
    .map((row) => `${sign} ${row.length <= MOST_SHOWN ? row : `${row.slice(0, MOST_SHOWN)}…`}`)
  return rows.length > SHOWN ? [...some, `${sign} … and ${rows.length - SHOWN} more`] : some
}

/** Returns the rows that are in the first list more often than in the second. */
function without(rows: readonly string[], others: readonly string[]): readonly string[] {
  const left = [...others]
  return rows.filter((row) => {
    const found = left.indexOf(row)
    if (found >= 0) left.splice(found, 1)
    return found < 0
  })
}

export function print(value: unknown): string {
  return inspect(deepMap(value), { ...ON_ONE_LINE, depth: 8, maxStringLength: 200 })
}

/** Prints a value in full for comparison: truncation could hide a difference. */
function inFull(value: unknown): string {
  return inspect(deepMap(value), { ...ON_ONE_LINE, depth: null, maxStringLength: null, maxArrayLength: null })
}

const ON_ONE_LINE = { breakLength: Number.POSITIVE_INFINITY, sorted: true } as const

/** Bytes are a Buffer in one driver and a Uint8Array in another, and mostly contain text. */
function deepMap(value: unknown): unknown {
  if (value instanceof Uint8Array) return readableBytes(value)
  if (Array.isArray(value)) return value.map(deepMap)
  if (typeof value !== 'object' || value === null || !isPlainObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, deepMap(one)]))
}

function readableBytes(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('utf8')
  return Buffer.from(text).equals(Buffer.from(bytes)) ? text : Buffer.from(bytes).toString('hex')
}
