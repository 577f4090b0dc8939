import { afterEach, describe, expect, it } from 'vitest'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { retryAfterMs } from './retry-after.ts'

const runtime = fakeRuntime({ now: Date.UTC(2026, 10, 21, 12, 0, 0) })
const read = (headers: Record<string, string>) => retryAfterMs(new Headers(headers), runtime)

it.each([
  ['0', 0],
  ['120', 120_000],
  [' 7 ', 7_000],
  ['Sat, 21 Nov 2026 12:00:30 GMT', 30_000],
  ['Saturday, 21-Nov-26 12:00:30 GMT', 30_000],
  ['Sat Nov 21 12:00:30 2026', 30_000],
  ['Sat, 21 Nov 2026 11:00:00 GMT', 0],
])('%j is %i ms', (value, ms) => {
  expect(read({ 'retry-after': value })).toBe(ms)
})

it.each(['', '-5', '1.5', '1e3', '2026-11-21', 'soon', 'Sat, nonsense', '9999999999', 'Infinity', '1, 2'])(
  '%j says nothing',
  (value) => {
    expect(read({ 'retry-after': value })).toBeUndefined()
  },
)

it('a date is read by the clock of the server that wrote it', () => {
  const headers = { date: 'Sat, 21 Nov 2026 09:00:00 GMT', 'retry-after': 'Sat, 21 Nov 2026 09:00:05 GMT' }
  expect(read(headers)).toBe(5_000)
  expect(read({ ...headers, date: 'nonsense' })).toBe(0)
})

describe('where the clocks do not show UTC', () => {
  const zone = process.env.TZ
  afterEach(() => {
    if (zone === undefined) delete process.env.TZ
    else process.env.TZ = zone
  })

  it.each([
    'Sat Nov 21 12:00:30 2026',
    'Sat Nov 21 12:00:30 2026 GMT',
    'Sat, 21 Nov 2026 12:00:30 GMT',
    'Saturday, 21-Nov-26 12:00:30 GMT',
    'Sat, 21 Nov 2026 07:00:30 -0500',
  ])('%s is the same time', (value) => {
    process.env.TZ = 'America/New_York'
    expect(new Date(2026, 10, 21).getTimezoneOffset()).toBe(300)
    expect(read({ 'retry-after': value })).toBe(30_000)
    expect(read({ 'retry-after': value, date: 'Sat Nov 21 12:00:00 2026' })).toBe(30_000)
  })
})

it('is not there', () => expect(read({})).toBeUndefined())
