import canonicalize from 'canonicalize'
import fc from 'fast-check'
import stableStringify from 'safe-stable-stringify'
import { describe, expect, it } from 'vitest'
import { canonicalJson } from './canonical-json.ts'
import { OnlyonceError } from './errors.ts'

function refusal(work: () => unknown): string {
  try {
    work()
  } catch (thrown) {
    if (OnlyonceError.is(thrown) && thrown.code === 'KEY_INVALID') return thrown.message
    throw thrown
  }
  throw new Error('was not refused')
}

function nested(levels: number): unknown {
  let value: unknown = []
  for (let level = 1; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value }
  return value
}

function double(bits: string): number {
  return Buffer.from(bits, 'hex').readDoubleBE()
}

const json = fc.jsonValue({ stringUnit: 'binary' }).map((value) => JSON.parse(JSON.stringify(value)) as unknown)
const noProto = json.filter((value) => !JSON.stringify(value).includes('__proto__'))

describe('RFC 8785', () => {
  it('3.2.2: the sample object', () => {
    const input = String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`
    expect(canonicalJson(JSON.parse(input))).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        String.raw`"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    )
  })

  it('3.2.2.2: short escapes, lower case hexadecimal, everything else literal', () => {
    expect(canonicalJson('\b\t\n\f\r\u0000\u001f\u007f\u2028 é😀/')).toBe(
      `${String.raw`"\b\t\n\f\r\u0000\u001f`}\u007f\u2028 é😀/"`,
    )
  })

  it('3.2.3: members in the order of their UTF-16 code units', () => {
    const input = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    }
    expect(Object.values(JSON.parse(canonicalJson(input)) as object)).toHaveLength(7)
    expect([...canonicalJson(input).matchAll(/:"([^"]*)"/g)].map((match) => match[1])).toEqual([
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ])
  })

  it.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['c340000000000000', '-9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555554', '333333333.33333325'],
    ['41b3de4355555555', '333333333.3333333'],
    ['41b3de4355555556', '333333333.3333334'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ])('appendix B: %s is %s', (bits, text) => {
    expect(canonicalJson(double(bits))).toBe(text)
  })

  it('appendix B: NaN and Infinity are errors', () => {
    expect(refusal(() => canonicalJson(double('7fffffffffffffff')))).toContain('payload is NaN,')
    expect(refusal(() => canonicalJson(double('7ff0000000000000')))).toContain('payload is Infinity,')
  })
})

describe('properties', () => {
  it('agrees with canonicalize and safe-stable-stringify on JSON', () => {
    fc.assert(
      fc.property(noProto, (value) => {
        const text = canonicalJson(value)
        expect(text).toBe(canonicalize(value))
        expect(text).toBe(stableStringify(value))
      }),
      { numRuns: 500 },
    )
  })

  it('keeps the value, and is its own canonical form', () => {
    fc.assert(
      fc.property(noProto, (value) => {
        const text = canonicalJson(value)
        expect(JSON.parse(text)).toEqual(value)
        expect(canonicalJson(JSON.parse(text))).toBe(text)
      }),
    )
  })

  it('does not see the order of members', () => {
    const members = fc.uniqueArray(fc.tuple(fc.string(), noProto), { selector: ([name]) => name })
    fc.assert(
      fc.property(members, (entries) => {
        fc.pre(entries.every(([name]) => name !== '__proto__'))
        expect(canonicalJson(Object.fromEntries(entries.toReversed()))).toBe(canonicalJson(Object.fromEntries(entries)))
      }),
    )
  })

  it('any value at all gets a text or KEY_INVALID', () => {
    const anything = fc.anything({
      withBigInt: true,
      withMap: true,
      withSet: true,
      withDate: true,
      withSparseArray: true,
    })
    fc.assert(
      fc.property(anything, (value) => {
        try {
          JSON.parse(canonicalJson(value))
        } catch (thrown) {
          expect(thrown).toMatchObject({ name: 'OnlyonceError', code: 'KEY_INVALID' })
        }
      }),
    )
  })
})

describe('what is absent', () => {
  it('a member that is undefined, is not enumerable, or is named by a symbol', () => {
    const value = Object.defineProperty({ a: undefined, b: 1, [Symbol('s')]: 2, c: undefined }, 'hidden', { value: 3 })
    expect(canonicalJson(value)).toBe('{"b":1}')
    expect(canonicalJson({ a: undefined })).toBe('{}')
  })

  it('nothing of an empty container', () => {
    expect(canonicalJson([{}, [], Object.create(null)])).toBe('[{},[],{}]')
  })
})

describe('what is refused, by path', () => {
  class Money {
    amount = 1
    toJSON(): number {
      return 1
    }
  }
  class List extends Array<unknown> {}

  it.each([
    ['payload.items[3].price is NaN', { items: [0, 1, 2, { price: Number.NaN }] }],
    ['payload[0] is -Infinity', [Number.NEGATIVE_INFINITY]],
    ['payload is undefined', undefined],
    ['payload[1] is undefined', [1, undefined]],
    // biome-ignore lint/suspicious/noSparseArray: the hole is the test
    ['payload[1] is undefined', [1, , 2]],
    ['payload.a is a bigint', { a: 1n }],
    ['payload.a is a symbol', { a: Symbol('s') }],
    ['payload.a is a function', { a: () => 1 }],
    ['payload.toJSON is a function', { toJSON: () => 1 }],
    ['payload.at is an instance of Date', { at: new Date(0) }],
    ['payload is an instance of Map', new Map()],
    ['payload[0] is an instance of Set', [new Set()]],
    ['payload.total is an instance of Money', { total: new Money() }],
    ['payload is an instance of List', new List()],
    ['payload[0] is an instance of Buffer', [Buffer.from('a')]],
    ['payload is an instance of Error', new Error('e')],
    ['payload is an instance of Number', new Number(1)],
  ])('%s', (what, value) => {
    expect(refusal(() => canonicalJson(value))).toBe(
      `${what}, which has no canonical form: give what JSON has, such as its text`,
    )
  })

  it('the path is of the member, not of one that was left before it', () => {
    expect(refusal(() => canonicalJson({ a: { b: [1, {}] }, c: [[], { d: Number.NaN }] }))).toContain(
      'payload.c[1].d is',
    )
  })

  it.each(['\ud800', 'a\udfff', '\ude00\ud83d'])('a lone surrogate in a value or a name', (text) => {
    const what = 'has a lone surrogate, which has no canonical form'
    expect(refusal(() => canonicalJson({ name: text }))).toBe(`payload.name ${what}`)
    expect(refusal(() => canonicalJson({ [text]: 1 }))).toBe(`payload[${JSON.stringify(text)}] ${what}`)
  })

  it('a member named __proto__', () => {
    const value: unknown = JSON.parse('{"a":{"__proto__":{"admin":true}}}')
    expect(refusal(() => canonicalJson(value))).toBe(
      'payload.a.__proto__ is a member named __proto__, which can change a prototype',
    )
    expect(canonicalJson({ constructor: 1, prototype: 2, __proto__x: 3 })).toBe(
      '{"__proto__x":3,"constructor":1,"prototype":2}',
    )
  })

  it('a cycle, but not a value that is shared', () => {
    const cycle: { a: unknown[] } = { a: [] }
    cycle.a.push(cycle)
    expect(refusal(() => canonicalJson(cycle))).toBe('payload.a[0] contains itself; a cycle has no canonical form')
    const shared = { x: 1 }
    expect(canonicalJson([shared, shared])).toBe('[{"x":1},{"x":1}]')
  })

  it('what throws when it is looked at', () => {
    const angry = { a: { get b(): number { throw new Error('not today') } } } // biome-ignore format: one line
    expect(refusal(() => canonicalJson(angry))).toBe('payload.a.b cannot be read: not today')
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(refusal(() => canonicalJson([proxy]))).toMatch(/^payload\[0] cannot be read: .*revoked/)
  })
})

describe('limits', () => {
  it('100 levels, or as asked', () => {
    expect(JSON.parse(canonicalJson(nested(100)))).toEqual(nested(100))
    expect(refusal(() => canonicalJson(nested(101)))).toMatch(/^payload\S+ is nested deeper than 100 levels$/)
    expect(canonicalJson([[1]], { maxDepth: 2 })).toBe('[[1]]')
    expect(refusal(() => canonicalJson([[1]], { maxDepth: 1 }))).toBe('payload[0] is nested deeper than 1 levels')
  })

  it('4 MiB, or as asked, in bytes', () => {
    const limit = 4 * 1024 * 1024
    expect(canonicalJson('x'.repeat(limit - 2))).toHaveLength(limit)
    expect(refusal(() => canonicalJson('x'.repeat(limit - 1)))).toBe(
      'payload is larger than 4194304 bytes as canonical JSON',
    )
    expect(canonicalJson('éé', { maxBytes: 6 })).toBe('"éé"')
    expect(refusal(() => canonicalJson('éé', { maxBytes: 5 }))).toBe('payload is larger than 5 bytes as canonical JSON')
  })

  it('hostile shapes end quickly: deep, wide, shared 2^99 times', { timeout: 10_000 }, () => {
    let deep: unknown = []
    for (let level = 0; level < 200_000; level++) deep = [deep]
    expect(refusal(() => canonicalJson(new Array(2 ** 32 - 1)))).toContain('payload[0] is undefined')
    expect(refusal(() => canonicalJson(deep))).toContain('nested deeper')
    let bomb: unknown = 'x'
    for (let level = 0; level < 99; level++) bomb = [bomb, bomb]
    expect(refusal(() => canonicalJson(bomb, { maxBytes: 100_000 }))).toContain('larger than')
    const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`key ${index}`, index]))
    expect(refusal(() => canonicalJson(wide, { maxBytes: 100_000 }))).toContain('larger than')
  })

  it('many numeric names with colliding hashes cost no more than others (CVE-2026-21717)', () => {
    // No clock: a cost that grows with the square of the names would end in the time limit of the test.
    const flood = Object.fromEntries(Array.from({ length: 150_000 }, (_, index) => [String(index * 2 ** 14), 1]))
    expect(canonicalJson(flood)).toMatch(/^\{"0":1,/)
  })
})
