import { describe, expect, it } from 'vitest'
import { fingerprintOfRequest } from './fingerprint.ts'
import { readJson } from './unambiguous-json.ts'

const fingerprint = (text: string) =>
  fingerprintOfRequest(
    { method: 'POST', url: '/pay', contentType: 'application/json', body: { bytes: Buffer.from(text) } },
    'canonical',
  )

describe('two bodies with numbers that JavaScript cannot tell apart', () => {
  it.each([
    ['{"account":9007199254740993}', '{"account":9007199254740992}'],
    ['{"account":-9007199254740993}', '{"account":-9007199254740992}'],
    ['{"amount":0.10000000000000000001}', '{"amount":0.1}'],
    ['[1e400]', '[1e500]'],
    ['[1e-400]', '[0]'],
    ['[1.00000000000000000000001E2]', '[1e2]'],
    ['{"a":-0}', '{"a":0}'],
    ['-0.0e3', '0'],
    [`[0.${'0'.repeat(100_000)}1]`, '[0]'],
  ])('have two fingerprints (%#)', (one, other) => {
    expect(fingerprint(one)).not.toBe(fingerprint(other))
    expect(fingerprint(one)).toBe(fingerprint(one))
    expect(readJson(Buffer.from(one))).toBeUndefined()
  })
})

describe('two bodies that say the same number', () => {
  it.each([
    ['{"a":1.0}', '{"a":1}'],
    ['[1e2]', '[100]'],
    ['[1E+2,-1.50]', '[100.0,-1.5]'],
    ['[0e400]', '[0.000]'],
    ['9007199254740992', '9007199254740992.0'],
    ['100000000000000000000000', '1e23'],
    ['0.000000000000000000000000000001', '1e-30'],
    ['1.7976931348623157E308', '1.7976931348623157e+308'],
    ['5e-324', '0.5e-323'],
    [`1${'0'.repeat(300)}`, '1e300'],
  ])('have one fingerprint (%#)', (one, other) => {
    expect(fingerprint(one)).toBe(fingerprint(other))
  })
})

it.each(['{"a":"9007199254740993"}', '{"9007199254740993":"1e400"}', '["\\"-0"]', '["\\\\",1]'])(
  'text that looks like a number is text: %s',
  (text) => {
    expect(readJson(Buffer.from(text))).toEqual({ value: JSON.parse(text) })
  },
)
