import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeError, encodeError } from './codec.ts'
import { OnlyonceError } from './errors.ts'

function roundTrip(thrown: unknown): Error & { code?: unknown; data?: unknown } {
  return decodeError(encodeError(thrown))
}

class Declined extends Error {
  override readonly name = 'Declined'
}

it('keeps name and message, revives no class', () => {
  const back = roundTrip(new Declined('card declined'))
  expect(Object.getPrototypeOf(back)).toBe(Error.prototype)
  expect([back.name, back.message, String(back)]).toEqual(['Declined', 'card declined', 'Declined: card declined'])
  expect(Object.keys(back)).toEqual([])
  expect(Object.getOwnPropertyDescriptor(back, 'name')).toMatchObject({ configurable: true, writable: true })
  expect(back.stack).toBeTypeOf('string')
  expect(back.cause).toBeUndefined()
})

it.each([new TypeError('t'), new DOMException('d', 'AbortError'), runInNewContext('new RangeError("r")') as Error])(
  'knows an error from anywhere: %s',
  (error) => {
    expect(roundTrip(error)).toMatchObject({ name: error.name, message: error.message })
  },
)

describe('code and data', () => {
  it.each([
    ['E_CARD', { at: new Date(1), list: [undefined, 1n] }],
    [402, new Uint8Array([1])],
    [undefined, null],
  ])('kept when they are data: %s', (code, data) => {
    const back = roundTrip(Object.assign(new Error('e'), { code, data }))
    expect(Object.keys(back)).toEqual(['code', 'data'])
    expect(back.code).toEqual(code)
    expect(back.data).toEqual(data)
  })

  it('left out, each alone, when they are not', () => {
    const error = Object.assign(new Error('e'), { code: () => 1, data: 7 })
    expect(Object.entries(roundTrip(error))).toEqual([['data', 7]])
    const other = Object.assign(new Error('e'), { code: 'C', data: { deep: Symbol('s') } })
    expect(Object.entries(roundTrip(other))).toEqual([['code', 'C']])
    const large = Object.assign(new Error('kept'), { code: 'C', data: 'x'.repeat(1024 * 1024) })
    expect(Object.entries(roundTrip(large))).toEqual([['code', 'C']])
    expect(roundTrip(large).message).toBe('kept')
  })

  it('left out when inherited or a getter', () => {
    class Coded extends Error {
      get code(): string {
        return 'inherited'
      }
    }
    expect(Object.keys(roundTrip(new Coded('e')))).toEqual([])
    const own = Object.defineProperty(new Error('e'), 'data', { get: () => 'computed', enumerable: true })
    expect(Object.keys(roundTrip(own))).toEqual([])
  })

  it('nothing else is kept', () => {
    expect(Object.keys(roundTrip(Object.assign(new Error('e', { cause: 1 }), { secret: 1 })))).toEqual([])
    const foreign = decodeError(Buffer.from('\x01E{"name":"N","message":"m","stack":"s","secret":1}'))
    expect(Object.keys(foreign)).toEqual([])
    expect(foreign.stack).not.toBe('s')
  })
})

describe('our own errors', () => {
  it('come back as OnlyonceError', () => {
    const back = roundTrip(Object.assign(new OnlyonceError('LEASE_LOST', 'taken over'), { data: 1 }))
    expect(OnlyonceError.is(back)).toBe(true)
    expect(back).toBeInstanceOf(OnlyonceError)
    expect(back).toMatchObject({
      name: 'OnlyonceError',
      code: 'LEASE_LOST',
      message: 'taken over',
      retryable: true,
      data: 1,
    })
  })

  it.each(['NEW_CODE', 'toString', '__proto__', 7, ['LEASE_LOST'], undefined])('not with the code %j', (code) => {
    const back = roundTrip(Object.assign(new Error('m'), { name: 'OnlyonceError', code }))
    expect(OnlyonceError.is(back)).toBe(false)
    expect(back).toMatchObject({ name: 'OnlyonceError', message: 'm' })
    expect(back.code).toEqual(code)
  })

  it('not by their code alone', () => {
    expect(OnlyonceError.is(roundTrip(Object.assign(new Error('m'), { code: 'LEASE_LOST' })))).toBe(false)
  })
})

describe('thrown values that are no errors', () => {
  const cases: [unknown, string][] = [
    ['text', 'text'],
    [7, '7'],
    [undefined, 'undefined'],
    [null, 'null'],
    [Symbol('s'), 'Symbol(s)'],
    [{}, '[object Object]'],
    [Object.create(null), 'a thrown value that cannot be printed'],
    [{ toString: () => { throw new Error('no') } }, 'a thrown value that cannot be printed'], // biome-ignore format: a row
    [Proxy.revocable({}, {}), '[object Object]'],
  ]
  it.each(cases)('%#', (thrown, message) => {
    const back = roundTrip(thrown)
    expect(back).toBeInstanceOf(Error)
    expect([back.name, back.message]).toEqual(['Error', message])
  })

  it('keep their own code and data', () => {
    expect(roundTrip({ code: 'E1', data: [1] })).toMatchObject({ code: 'E1', data: [1] })
  })
})

describe('never throws', () => {
  it('whatever is thrown', () => {
    const { proxy, revoke } = Proxy.revocable(new Error('x'), {})
    revoke()
    expect(roundTrip(proxy).message).toBe('a thrown value that cannot be printed')
    const angry = Object.defineProperty(new Error('x'), 'name', { get: () => { throw new Error('no') } }) // biome-ignore format: one line
    expect(roundTrip(angry).message).toBe('a thrown value that cannot be printed')
    fc.assert(fc.property(fc.anything(), (thrown) => roundTrip(thrown) instanceof Error))
    fc.assert(
      fc.property(fc.anything(), fc.anything(), fc.anything(), (name, message, code) => {
        roundTrip(Object.assign(new Error('x'), { name, message, code }))
      }),
    )
  })

  it('at any length: names are cut at 200 and messages at 65 536 characters', () => {
    const back = roundTrip(Object.assign(new Error('\u0000'.repeat(3_000_000)), { name: 'n'.repeat(1_000), code: 1 }))
    expect(back.message).toBe('\u0000'.repeat(65_536))
    expect(back.name).toBe('n'.repeat(200))
    expect(back.code).toBe(1)
  })

  it('names and messages that are no text become text', () => {
    expect(roundTrip(Object.assign(new Error('x'), { name: 7, message: null }))).toMatchObject({
      name: '7',
      message: 'null',
    })
  })
})

describe('decodeError refuses', () => {
  it.each([
    '\x01E1',
    '\x01Enull',
    '\x01E{}',
    '\x01E{"name":"N"}',
    '\x01E{"message":"m"}',
    '\x01E{"name":1,"message":"m"}',
    '\x01E{"name":"N","message":["array"]}',
  ])('%j', (text) => {
    expect(() => decodeError(Buffer.from(text))).toThrow(
      expect.objectContaining({
        code: 'OUTCOME_UNKNOWN',
        message: expect.stringContaining('corrupt: it is not an error;'),
      }),
    )
  })

  it('a result', () => {
    expect(() => decodeError(Buffer.from('\x01J{"name":"N","message":"m"}'))).toThrow(/first two bytes are not ours/)
  })

  it('and reads the extended form', () => {
    const bytes = encodeError(Object.assign(new Error('m'), { code: ['x'] }))
    expect(Buffer.from(bytes).toString()).toBe('\x01E{"name":"Error","message":"m","code":["array","x"]}')
  })
})
