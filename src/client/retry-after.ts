import type { Runtime } from '../core/runtime.ts'
import type { Tried } from './attempt.ts'

const SECONDS = /^\d{1,9}$/
/** In RFC 9110 every form of a date begins with the day's name; `Date.parse` alone would take `-5` for a year. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/
/** The form of `asctime` has no zone but means GMT, as the others do; `Date.parse` would take it for local time. */
const WITHOUT_ZONE = /[ :]\d+$/

/** Returns `Retry-After` in milliseconds; `undefined` when there is none, or none that can be read. */
export function retryAfterMs(headers: Headers, runtime: Runtime): number | undefined {
  const value = headers.get('retry-after')?.trim() ?? ''
  if (SECONDS.test(value)) return Number(value) * 1000
  const until = parseDate(value)
  // Measured from the server's `Date` if it sends one: our clock may be minutes off.
  return until === undefined ? undefined : Math.max(0, until - (parseDate(headers.get('date') ?? '') ?? runtime.now()))
}

/** Returns the `Retry-After` of an attempt's answer in milliseconds; 0 without one. */
export function askedMs(tried: Tried, runtime: Runtime): number {
  return tried.kind === 'answered' ? (retryAfterMs(tried.response.headers, runtime) ?? 0) : 0
}

function parseDate(value: string): number | undefined {
  const whole = WITHOUT_ZONE.test(value) ? `${value} GMT` : value
  const time = HTTP_DATE.test(value) ? Date.parse(whole) : Number.NaN
  return Number.isNaN(time) ? undefined : time
}
