import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isExact, MAY_BE_ROUNDED } from './exact-number.ts'

describe('numbers that JavaScript reads as another one', () => {
  it.each([
    '-0',
    '-0.0',
    '-0e5',
    '1e400',
    '-1e400',
    '1e-400',
    '1E+309',
    '2e-324',
    '9007199254740993',
    '-9007199254740993',
    '900719925474099.25',
    '0.1000000000000000000001',
    '0.30000000000000004440',
    '123456789012345678e5',
    '123456789012345e300',
    `1${'0'.repeat(400)}`,
    `0.${'0'.repeat(400)}1`,
  ])('%s is found, and is not exact', (token) => {
    expect([MAY_BE_ROUNDED.test(token), isExact(token)]).toEqual([true, false])
  })
})

describe('numbers that JavaScript reads as they are', () => {
  it.each(['0', '7', '-7', '0.1', '-1.5', '100.0', '123456789012345', '0.1234567890123', '999999999999.99'])(
    '%s is not even suspected',
    (token) => {
      expect([MAY_BE_ROUNDED.test(token), isExact(token)]).toEqual([false, true])
    },
  )

  it.each([
    '-0.5',
    '9007199254740992',
    '0.30000000000000004',
    '1e2',
    '1E+2',
    '10e-1',
    '0e400',
    '0.000e-9',
    '1e308',
    '5e-324',
    '0.5e-323',
    '1.7976931348623157e308',
    '100000000000000000000000',
    `1${'0'.repeat(300)}`,
    `0.1${'0'.repeat(300)}`,
  ])('%s is exact, at the second look', (token) => {
    expect([MAY_BE_ROUNDED.test(token), isExact(token)]).toEqual([true, true])
  })
})

it('whatever is not exact is found', () => {
  const digits = (most: number) => fc.stringMatching(/^\d+$/, { maxLength: most })
  const part = (mark: string, of: fc.Arbitrary<string>) => fc.option(of, { nil: '' }).map((text) => text && mark + text)
  const whole = digits(20).map((text) => text.replace(/^0+(?=\d)/, ''))
  const exponent = fc.integer({ min: -400, max: 400 }).map(String)
  const token = fc.tuple(fc.constantFrom('', '-'), whole, part('.', digits(20)), part('e', exponent))
  fc.assert(
    fc.property(token, (parts) => {
      const number = parts.join('')
      return isExact(number) || MAY_BE_ROUNDED.test(`[${number}]`)
    }),
    { numRuns: 2_000 },
  )
})

describe('what is suspected', () => {
  it.each(['[1,-0]', '{"a":1e400}', '{"a": 1234567890123456}', '[\n-0.0]', '[1,\t0.12345678901234567]'])(
    'is a number wherever JSON has one: %j',
    (text) => expect(MAY_BE_ROUNDED.test(text)).toBe(true),
  )

  it.each(['null', 'true', '"1e400"', '{"e5":1}', '{"a":"x1234567890123456"}', '["a-0"]', '[false]', ''])(
    'is no word and no text within quotes: %j',
    (text) => expect(MAY_BE_ROUNDED.test(text)).toBe(false),
  )
})
