import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { refusal, roundTrip, same } from '../../test/codec-kit.ts'
import { encodeResult } from './codec.ts'
import { fingerprintOf } from './fingerprint.ts'

// jest runs tests in a realm of its own: there, what `fetch` and `structuredClone` answer comes from another one.

it('a result of another realm comes back as one of this realm', () => {
  const foreign = runInNewContext('({ a: [1, { b: new Date(1) }], m: new Map([["k", new Set([2])]]) })')
  expect(same(roundTrip(foreign), { a: [1, { b: new Date(1) }], m: new Map([['k', new Set([2])]]) })).toBe(true)
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
