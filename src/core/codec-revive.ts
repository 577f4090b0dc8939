import { refuseCorrupt, refuseDepth, refuseName } from './codec-corrupt.ts'
import { type ArrayTag, LITERALS } from './codec-format.ts'

const HEXADECIMAL = /^-?[1-9a-f][0-9a-f]*$|^0$/

/** Turns parsed extended JSON back into the value it stands for. */
export function revive(value: unknown, depthLeft: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return reviveArray(value, depthLeft)
  refuseDepth(depthLeft)
  const object = value as Record<string, unknown>
  for (const name of Object.keys(object)) {
    refuseName(name)
    // In place: JSON.parse made the member the object's own, so this cannot run an inherited setter.
    object[name] = revive(object[name], depthLeft - 1)
  }
  return object
}

function reviveArray([tag, ...parts]: readonly unknown[], depthLeft: number): unknown {
  const scalar = SCALARS.get(tag)
  if (scalar !== undefined) return parts.length === 1 ? scalar(parts[0]) : refuseCorrupt('a scalar is not one part')
  const container = CONTAINERS.get(tag) ?? refuseCorrupt('an array has no known tag')
  refuseDepth(depthLeft)
  return container(parts.map((part) => revive(part, depthLeft - 1)))
}

// Maps, because an object lookup also finds inherited members and converts an array to a string first.
const SCALARS: ReadonlyMap<unknown, (part: unknown) => unknown> = new Map<ArrayTag, (part: unknown) => unknown>([
  ['literal', (name) => (LITERALS.has(name) ? LITERALS.get(name) : refuseCorrupt('a literal is unknown'))],
  ['bigint', reviveBigint],
  ['date', reviveDate],
  ['bytes', reviveBytes],
])

type ReviveItems = (items: readonly unknown[]) => unknown

const CONTAINERS: ReadonlyMap<unknown, ReviveItems> = new Map<ArrayTag, ReviveItems>([
  ['array', (items) => items],
  ['set', reviveSet],
  ['map', reviveMap],
])

function reviveBigint(digits: unknown): bigint {
  if (typeof digits !== 'string' || !HEXADECIMAL.test(digits)) refuseCorrupt('a bigint is not hexadecimal')
  return digits.startsWith('-') ? -BigInt(`0x${digits.slice(1)}`) : BigInt(`0x${digits}`)
}

function reviveDate(milliseconds: unknown): Date {
  if (milliseconds === null) return new Date(Number.NaN)
  const date = new Date(milliseconds as number)
  // Refuses fractions, -0, strings and times out of range, all of which Date would change silently.
  return Object.is(date.getTime(), milliseconds) ? date : refuseCorrupt('a date is not a time')
}

function reviveBytes(text: unknown): Uint8Array {
  const bytes = Buffer.from(String(text), 'base64')
  if (bytes.toString('base64') !== text) refuseCorrupt('bytes are not base64')
  return new Uint8Array(bytes)
}

function reviveSet(items: readonly unknown[]): Set<unknown> {
  const set = new Set(items)
  if (set.size !== items.length) refuseCorrupt('a set has an item twice')
  return set
}

function reviveMap(items: readonly unknown[]): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>()
  for (let index = 0; index < items.length; index += 2) map.set(items[index], items[index + 1])
  if (map.size !== items.length / 2) refuseCorrupt('a map has a key twice, or one without a value')
  return map
}
