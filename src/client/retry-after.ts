import type { Runtime } from '../core/runtime.ts'

const SECONDS = /^\d{1,9}$/
/** Every date form of RFC 9110 begins with the name of the day; `Date.parse` alone would take `-5` for a year. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/
/** The form of `asctime` names no zone, and means GMT as the others do; `Date.parse` would take it for local time. */
const WITHOUT_ZONE = /[ :]\d+$/

/** How long the server asks to be left alone, in milliseconds; `undefined` when it does not say, or not readably. */
export function retryAfterMs(headers: Headers, runtime: Runtime): number | undefined {
  const value = headers.get('retry-after')?.trim() ?? ''
  if (SECONDS.test(value)) return Number(value) * 1000
  const until = parseDate(value)
  // The server's own clock where it tells it: ours may be minutes off.
  return until === undefined ? undefined : Math.max(0, until - (parseDate(headers.get('date') ?? '') ?? runtime.now()))
}

function parseDate(value: string): number | undefined {
  const whole = WITHOUT_ZONE.test(value) ? `${value} GMT` : value
  const time = HTTP_DATE.test(value) ? Date.parse(whole) : Number.NaN
  return Number.isNaN(time) ? undefined : time
}
