import { runInNewContext } from 'node:vm'
import { expect, it, vi } from 'vitest'
import { refusal, roundTrip, same } from '../../test/codec-kit.ts'
import { decodeResult, encodeResult } from './codec.ts'
import { fingerprintOf } from './fingerprint.ts'

// jest runs tests in a realm of its own: there, what `fetch` and `structuredClone` answer comes from another one.

it('a result of another realm comes back as one of this realm', () => {
  const foreign = runInNewContext('({ a: [1, { b: new Date(1) }], m: new Map([["k", new Set([2])]]) })')
  expect(same(roundTrip(foreign), { a: [1, { b: new Date(1) }], m: new Map([['k', new Set([2])]]) })).toBe(true)
})

it('a date from before a test runner has replaced Date is one as well, as is one of the class in its place', () => {
  const before = new Date(1)
  vi.setSystemTime(5_000)
  try {
    expect(before.constructor).not.toBe(Date)
    const stored = encodeResult([before, structuredClone(before), new Date(1), new Date()])
    expect((decodeResult(stored) as Date[]).map((date) => date.getTime())).toEqual([1, 1, 1, 5_000])
  } finally {
    vi.useRealTimers()
  }
})

it.each(['Map', 'Set', 'Date', 'Array'])('a class that is named %s as well is not stored as that', (name) => {
  const own = runInNewContext(`new (class ${name} extends globalThis.${name} {})()`)
  expect(refusal(() => encodeResult(own))).toBe(
    `result is an instance of ${name}, which cannot be stored; return plain data`,
  )
})

it('a payload of another realm has the fingerprint of an equal one of this realm', () => {
  const payload = { id: '1100', items: [{ sku: 'mug', amount: 2 }] }
  expect(fingerprintOf(runInNewContext(`(${JSON.stringify(payload)})`))).toBe(fingerprintOf(payload))
})
