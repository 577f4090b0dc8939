import { isPlainObject } from '../core/value-path.ts'

export function areHeaders(given: unknown): given is Record<string, string> {
  if (typeof given !== 'object' || given === null || !isPlainObject(given)) return false
  return Object.values(given).every((value) => typeof value === 'string')
}

/** @throws Error when the stored text was damaged, or set by hand to JSON of another kind */
export function unpackHeaders(stored: string): Record<string, string> {
  const headers: unknown = JSON.parse(stored)
  if (!areHeaders(headers)) throw new Error('its headers are no plain object of strings')
  return headers
}
