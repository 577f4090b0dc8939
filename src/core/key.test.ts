import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OnlyonceError } from './errors.ts'
import { fingerprintOf, NO_FINGERPRINT } from './fingerprint.ts'
import {
  checkScope,
  type KeyInput,
  keyInScope,
  operationId,
  RESERVED_SCOPE_MARK,
  ResolvedKey,
  resolveKey,
} from './key.ts'

const resolve = (input: unknown, maxKeyLength = 255) => resolveKey(input as KeyInput, 'orders', maxKeyLength)

function refusal(work: () => unknown): { readonly code: string; readonly message: string } {
  try {
    work()
  } catch (error) {
    if (OnlyonceError.is(error)) return { code: error.code, message: error.message }
    throw error
  }
  throw new Error('should have been refused')
}

describe('resolveKey', () => {
  it('takes a bare string as a key in the default scope, bound to no payload', () => {
    const id = operationId('orders', 'k')
    expect(resolve('k')).toStrictEqual({ id, scope: 'orders', key: 'k', fingerprint: NO_FINGERPRINT })
    expect(resolve({ key: 'k' })).toStrictEqual(resolve('k'))
  })

  it('lets the call choose another scope', () => {
    const id = operationId('refunds', 'k')
    expect(resolve({ key: 'k', scope: 'refunds' })).toMatchObject({ id, scope: 'refunds' })
  })

  it('hashes a payload into the fingerprint, and takes a given fingerprint as it is', () => {
    expect(resolve({ key: 'k', payload: { a: 1 } }).fingerprint).toBe(fingerprintOf({ a: 1 }))
    expect(resolve({ key: 'k', payload: null }).fingerprint).toBe(fingerprintOf(null))
    expect(resolve({ key: 'k', payload: undefined }).fingerprint).toBe(NO_FINGERPRINT)
    expect(resolve({ key: 'k', fingerprint: 'mine' }).fingerprint).toBe('mine')
  })

  it('gives the same id whatever the payload', () => {
    expect(resolve({ key: 'k', payload: 1 }).id).toBe(resolve('k').id)
  })

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['an object without a key', {}],
    ['a null key', { key: null }],
  ])('answers KEY_MISSING to %s', (_, input) => {
    expect(refusal(() => resolve(input))).toEqual({
      code: 'KEY_MISSING',
      message: 'no key was given: it names the operation',
    })
  })

  it.each(['', ' ', '\n\t \u00a0'])('answers KEY_MISSING to the empty key %j', (key) => {
    const missing = { code: 'KEY_MISSING', message: 'the key is empty: it names the operation' }
    expect(refusal(() => resolve(key))).toEqual(missing)
    expect(refusal(() => resolve({ key }))).toEqual(missing)
  })

  it.each([
    ['number', 7],
    ['boolean', true],
    ['symbol', Symbol('s')],
    ['function', () => 'k'],
    ['function', Object.assign(() => 'k', { key: 'k' })],
    ['bigint', 7n],
  ])('answers KEY_INVALID to a %s, alone or as a field', (type, value) => {
    const invalid = {
      code: 'KEY_INVALID',
      message: `a key must be a string; got ${type}: convert it where its meaning is known`,
    }
    expect(refusal(() => resolve(value))).toEqual(invalid)
    expect(refusal(() => resolve({ key: value }))).toEqual(invalid)
  })

  it('takes a key of the greatest length, and refuses one character more', () => {
    expect(resolve('x'.repeat(255)).key).toHaveLength(255)
    expect(resolve('xxx', 3).key).toBe('xxx')
    expect(refusal(() => resolve('xxxx', 3))).toEqual({
      code: 'KEY_INVALID',
      message: 'a key must not be longer than 3 characters; got 4',
    })
  })

  it('refuses a key that is not well-formed Unicode', () => {
    expect(refusal(() => resolve('order \ud800'))).toEqual({
      code: 'KEY_INVALID',
      message: 'key "order \\ud800" is not well-formed Unicode',
    })
  })

  it.each([
    ['order:undefined', 'undefined'],
    ['undefined', 'undefined'],
    ['null:order', 'null'],
    ['order-null-7', 'null'],
    ['order_null', 'null'],
    ['order:NaN', 'NaN'],
    [`report:${new Date('tomorrow')}`, 'Invalid Date'],
    ['user-[object Object]', '[object Object]'],
    ['[object Promise]', '[object Promise]'],
    ['a[object HTMLElement]b', '[object HTMLElement]'],
  ])('refuses %j, what is left of a missing value', (key, leftover) => {
    const { code, message } = refusal(() => resolve(key))
    expect(code).toBe('KEY_INVALID')
    expect(message).toBe(
      `key "${key}" contains \`${leftover}\`, what is left of a missing value: operations that differ would share it`,
    )
  })

  it.each([
    'nullable',
    'annul',
    'undefinedness',
    'Nullius',
    'null0',
    '\u00e9null',
    'NULL',
    'nan',
    'NaNcy',
    'Invalid Dates',
    'Invalid date',
    '[object ]',
    '[object]',
  ])('takes %j, which only looks like one', (key) => {
    expect(resolve(key).key).toBe(key)
  })

  it('takes awkward keys as they are', () => {
    for (const key of [' k', 'k ', 'k\u0000', '\u{1f600}', '{}', '"', '\u202e', '!']) expect(resolve(key).key).toBe(key)
  })

  it('refuses a payload together with a fingerprint', () => {
    expect(refusal(() => resolve({ key: 'k', payload: 1, fingerprint: 'f' }))).toEqual({
      code: 'KEY_INVALID',
      message: 'key "k" came with both a payload and a fingerprint; give one',
    })
  })

  it('refuses a member that it does not know, which may be a payload that nothing would be bound to', () => {
    const misspelt = { key: 'order:7', paylod: { amount: 1 } }
    expect(refusal(() => resolve(misspelt))).toEqual({
      code: 'KEY_INVALID',
      message: 'a key object has no member "paylod"; there are key, scope, payload, fingerprint',
    })
    expect(refusal(() => resolve({ Key: 'order:7' })).message).toContain('no member "Key"')
  })

  it('says what it got in the place of a key', () => {
    const said = (input: unknown) => refusal(() => resolve(input as never)).message
    for (const late of [Promise.resolve('order:7'), { key: Promise.resolve('order:7') }])
      expect(said(late)).toBe('a key must be a string; got a promise: await it')
    expect(said(new Date(0))).toBe(
      'a key must be a string; got an instance of Date: convert it where its meaning is known',
    )
    expect(said(Buffer.from('a'))).toContain('got an instance of Buffer: convert it')
    expect(said({ key: new URL('http://a/') })).toContain('got an instance of URL: convert it')
    expect(said({})).toContain('no key was given')
  })

  it('takes members that are left open, and what others have put on every object', () => {
    const open = { key: 'k', scope: undefined, payload: undefined, fingerprint: undefined }
    expect(resolve(open)).toEqual(resolve('k'))
    expect(resolve(Object.create({ more: 1 }, { key: { value: 'k', enumerable: true } }))).toEqual(resolve('k'))
  })

  it('takes a fingerprint of 1 to 255 characters', () => {
    expect(resolve({ key: 'k', fingerprint: 'x'.repeat(255) }).fingerprint).toHaveLength(255)
    expect(resolve({ key: 'k', fingerprint: 'x' }).fingerprint).toBe('x')
    for (const fingerprint of ['', 'x'.repeat(256), 7, null, {}, { length: 5 }]) {
      expect(refusal(() => resolve({ key: 'k', fingerprint }))).toEqual({
        code: 'KEY_INVALID',
        message: 'the fingerprint of key "k" must be a string of 1 to 255 characters',
      })
    }
  })

  it('checks the scope of the call as that of the engine', () => {
    for (const scope of ['', null, '!lock']) {
      expect(refusal(() => resolve({ key: 'k', scope })).code).toBe('OPTION_INVALID')
    }
  })
})

describe('operationId', () => {
  it('is the first 128 bits of SHA-256 over length-prefixed scope and key', () => {
    const whole = createHash('sha256').update('6:orders2:k\u00e91:').digest('hex')
    expect(operationId('orders', 'k')).toMatch(/^[0-9a-f]{32}$/)
    expect(operationId('orders', 'k\u00e9')).not.toBe(whole.slice(0, 32))
    const named = createHash('sha256').update('6:orders3:k\u00e9').digest('hex')
    expect(operationId('orders', 'k\u00e9')).toBe(named.slice(0, 32))
    const other = createHash('sha256').update('3:\u00e9a1:k').digest('hex')
    expect(operationId('\u00e9a', 'k')).toBe(other.slice(0, 32))
  })

  it('tells apart what concatenation would confuse', () => {
    expect(operationId('a', 'bc')).not.toBe(operationId('ab', 'c'))
    expect(operationId('a', '1:b')).not.toBe(operationId('a1:', 'b'))
  })

  it('never gives two names one id', () => {
    const name = fc.string({ unit: 'binary', maxLength: 4 })
    fc.assert(
      fc.property(name, name, name, name, (scope, key, otherScope, otherKey) => {
        fc.pre(scope !== otherScope || key !== otherKey)
        expect(operationId(scope, key)).not.toBe(operationId(otherScope, otherKey))
      }),
    )
  })

  it('refuses what is no text, in the place of either', () => {
    for (const [scope, key, got] of [
      [5, 'k', '5 and "k"'],
      ['s', undefined, '"s" and undefined'],
    ] as never[][])
      expect(() => operationId(scope as never, key as never)).toThrow(
        expect.objectContaining({ code: 'KEY_INVALID', message: `an id is made of two texts; got ${got}` }),
      )
  })
})

describe('checkScope', () => {
  it.each(['orders', 's'.repeat(255), 'tenant 7 / POST /orders', 'a!b', ' padded ', 'public'])('takes %j', (scope) => {
    expect(() => checkScope(scope)).not.toThrow()
  })

  it.each([
    [
      undefined,
      'is required: name what keys are unique within, such as the tenant and route, or the consumer; got undefined',
    ],
    [7, 'is required: name what keys are unique within, such as the tenant and route, or the consumer; got 7'],
    [' \t', 'is required: name what keys are unique within, such as the tenant and route, or the consumer; got " \\t"'],
    ['s'.repeat(256), `must not be longer than 255 characters; got "${'s'.repeat(76)}\u2026`],
    ['\udc00', 'must be well-formed Unicode; got "\\udc00"'],
    ['!exclusive', 'must not begin with `!`, which is reserved; got "!exclusive"'],
    ['tenant:undefined', 'contains what is left of a missing value; got "tenant:undefined"'],
    ['[object Object]', 'contains what is left of a missing value; got "[object Object]"'],
  ])('refuses %j', (scope, rule) => {
    expect(refusal(() => checkScope(scope))).toEqual({ code: 'OPTION_INVALID', message: `option \`scope\` ${rule}` })
  })

  it('reserves the mark that the engine uses', () => {
    expect(RESERVED_SCOPE_MARK).toBe('!')
  })
})

describe('keyInScope', () => {
  class Order {
    get key() {
      return 'order:1100'
    }
    get payload() {
      return { pence: 5 }
    }
  }
  class Hashed {
    get key() {
      return 'order:1100'
    }
    get fingerprint() {
      return 'f1'
    }
  }

  it('keeps what the object of a class says by getters', () => {
    expect(keyInScope(new Order())).toStrictEqual({ key: 'order:1100', payload: { pence: 5 } })
    expect(keyInScope(new Hashed(), 'shop')).toStrictEqual({ key: 'order:1100', fingerprint: 'f1', scope: 'shop' })
  })

  it('replaces the scope of its own, or leaves it out', () => {
    expect(keyInScope({ key: 'a', scope: 'x' })).toStrictEqual({ key: 'a' })
    expect(keyInScope({ key: 'a', scope: 'x' }, 'shop')).toStrictEqual({ key: 'a', scope: 'shop' })
  })
})

describe('ResolvedKey', () => {
  it('is what resolveKey answers, and is not resolved again', () => {
    const resolved = new ResolvedKey({ key: 'a', payload: 1 }, 'orders', 255)
    expect({ ...resolved }).toEqual(resolveKey({ key: 'a', payload: 1 }, 'orders', 255))
    expect(resolveKey(resolved, 'another', 0)).toBe(resolved)
  })
})
