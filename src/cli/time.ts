import { FOREVER } from '../core/lifecycle.ts'

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
] as const

/** Formats a duration with one unit, rounded down: `3 h`, `59 s`, `120 ms`. */
export function duration(ms: number): string {
  const length = Math.abs(ms)
  for (const [size, unit] of UNITS) if (length >= size) return `${Math.floor(length / size)} ${unit}`
  return `${Math.floor(length)} ms`
}

/** Returns ISO 8601; `undefined` for FOREVER and invalid times. Never throws. */
export function iso(ms: number): string | undefined {
  if (!(ms < FOREVER)) return undefined
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

/** Formats as `2026-11-20T09:00:00.000Z (3 h ago)`; `now` is the store's clock. */
export function moment(ms: number, now: number): string {
  const text = iso(ms)
  if (text === undefined) return 'for ever'
  return `${text} (${ms <= now ? `${duration(now - ms)} ago` : `in ${duration(ms - now)}`})`
}
