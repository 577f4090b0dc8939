import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeResult, encodeResult } from './codec.ts'
import { OnlyonceError } from './errors.ts'

const DANGEROUS = ['__proto__', 'constructor', 'prototype']

function refusal(work: () => unknown): string {
  try {
    work()
  } catch (thrown) {
    if (OnlyonceError.is(thrown) && thrown.code === 'RESULT_UNSERIALIZABLE') return thrown.message
    throw thrown
  }
  throw new Error('was not refused')
}

function roundTrip(value: unknown): unknown {
  return decodeResult(encodeResult(value))
}

function bodyOf(value: unknown): string {
  return Buffer.from(encodeResult(value)).toString('latin1', 2)
}

/** Equal down to the sign of zero, the order of members and entries, holes, and prototypes. */
function same(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || one === null) return Object.is(one, other)
  if (typeof other !== 'object' || other === null) return false
  if (Object.getPrototypeOf(one) !== Object.getPrototypeOf(other)) return false
  if (one instanceof Date) return Object.is(one.getTime(), (other as Date).getTime())
  const [parts, others] = [one, other].map((value) =>
    value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : Object.entries(value).flat(),
  )
  return parts?.length === others?.length && (parts ?? []).every((part, index) => same(part, others?.[index]))
}

function objectsIn(value: unknown, found = new Set<object>()): Set<object> {
  if (typeof value !== 'object' || value === null) return found
  found.add(value)
  const parts = value instanceof Map ? [...value].flat() : value instanceof Set ? value : Object.values(value)
  for (const part of parts) objectsIn(part, found)
  return found
}

const anyText = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) })
const name = fc
  .oneof(fc.string(), anyText, fc.constantFrom('toString', 'then', '0', 'array', '__proto'))
  .filter((text) => !DANGEROUS.includes(text))
const { value: supported } = fc.letrec<{ value: unknown; leaf: unknown }>((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom(
      undefined,
      null,
      true,
      false,
      Number.NaN,
      -0,
      0,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ),
    fc.constantFrom('array', 'literal', 'undefined', '__proto__', '\ud800'),
    fc.string({ unit: 'binary' }),
    anyText,
    fc.double(),
    fc.bigInt(),
    fc.date({ noInvalidDate: false }),
    fc.uint8Array(),
  ),
  value: fc.oneof(
    { depthSize: 'xsmall', maxDepth: 5, withCrossShrink: true },
    tie('leaf'),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(name, tie('value'), { noNullPrototype: true, maxKeys: 5 }),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.array(tie('value'), { maxLength: 5 }).map((items) => new Set(items)),
  ),
}))

describe('properties', () => {
  it('every supported value comes back the same, as a copy', () => {
    fc.assert(
      fc.property(supported, (value) => {
        const back = roundTrip(value)
        expect(same(back, value)).toBe(true)
        const originals = objectsIn(value)
        expect([...objectsIn(back)].filter((object) => originals.has(object))).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  it('encoding what came back gives the same bytes', () => {
    fc.assert(fc.property(supported, (value) => {
      expect(encodeResult(roundTrip(value))).toEqual(encodeResult(value))
    })) // biome-ignore format: one thought
  })

  it('any value at all is encoded or refused with RESULT_UNSERIALIZABLE', () => {
    const anything = fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
    })
    fc.assert(
      fc.property(anything, (value) => {
        try {
          roundTrip(value)
        } catch (thrown) {
          expect(thrown).toMatchObject({ name: 'OnlyonceError', code: 'RESULT_UNSERIALIZABLE' })
        }
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('the format, byte for byte: other versions must read it', () => {
  it.each([
    ['null', null, '\x01Jnull'],
    ['JSON', { b: [1, 'é', true, false], a: {} }, '\x01J{"b":[1,"é",true,false],"a":{}}'],
    ['lone surrogate', '\ud800', '\x01J"\\ud800"'],
    ['undefined', undefined, '\x01X["literal","undefined"]'],
    ['NaN', Number.NaN, '\x01X["literal","NaN"]'],
    ['Infinity', Number.POSITIVE_INFINITY, '\x01X["literal","Infinity"]'],
    ['-Infinity', Number.NEGATIVE_INFINITY, '\x01X["literal","-Infinity"]'],
    ['-0', -0, '\x01X["literal","-0"]'],
    ['bigint', [255n, -255n, 0n], '\x01X["array",["bigint","ff"],["bigint","-ff"],["bigint","0"]]'],
    ['date', [new Date(1), new Date(Number.NaN)], '\x01X["array",["date",1],["date",null]]'],
    ['bytes', new Uint8Array([123, 0, 255]), '\x01B{\x00\xff'],
    ['bytes inside', { a: new Uint8Array([0, 255]) }, '\x01X{"a":["bytes","AP8="]}'],
    ['map', new Map<unknown, unknown>([[['k'], 1], ['l', {}]]), '\x01X["map",["array","k"],1,"l",{}]'], // biome-ignore format: a row
    ['set', new Set([1, null, true, 'x']), '\x01X["set",1,null,true,"x"]'],
    ['looks like ours', [['undefined'], undefined], '\x01X["array",["array","undefined"],["literal","undefined"]]'],
  ])('%s', (_, value, text) => {
    const encoded = encodeResult(value)
    expect(Buffer.from(encoded)).toEqual(Buffer.from(text, text.includes('\xff') ? 'latin1' : 'utf8'))
    expect(same(decodeResult(encoded), value)).toBe(true)
  })
})

describe('what changes on the way', () => {
  it('a Buffer comes back as a Uint8Array with memory of its own', () => {
    for (const value of [Buffer.from('abc'), { a: Buffer.from('abc') }]) {
      const back = roundTrip(value)
      const bytes = (back instanceof Uint8Array ? back : (back as { a: Uint8Array }).a) as Uint8Array
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype)
      expect(bytes.buffer.byteLength).toBe(3)
      expect([...bytes]).toEqual([97, 98, 99])
    }
  })

  it('decoded bytes do not change with the buffer they were read from', () => {
    const encoded = encodeResult(new Uint8Array([1, 2]))
    const back = decodeResult(encoded)
    encoded.fill(0)
    expect(back).toEqual(new Uint8Array([1, 2]))
  })

  it('encoded bytes do not change with the value they were made from', () => {
    const value = new Uint8Array([1, 2])
    const encoded = encodeResult(value)
    value.fill(0)
    expect(decodeResult(encoded)).toEqual(new Uint8Array([1, 2]))
  })

  it('a part of a buffer is that part', () => {
    expect(roundTrip(new Uint8Array([1, 2, 3, 4]).subarray(1, 3))).toEqual(new Uint8Array([2, 3]))
    expect(roundTrip([new Uint8Array([1, 2, 3, 4]).subarray(1, 3)])).toEqual([new Uint8Array([2, 3])])
    expect(decodeResult(new Uint8Array([0, 1, 74, 49, 50, 51]).subarray(1, 5))).toBe(12)
  })

  it('a shared reference becomes copies', () => {
    const shared = { at: new Date(0) }
    const [one, other] = roundTrip([shared, shared]) as [unknown, unknown]
    expect(one).toEqual(shared)
    expect(one).not.toBe(other)
  })

  it('an object without a prototype gets the ordinary one', () => {
    const value: unknown = Object.assign(Object.create(null), { a: 1 })
    expect(same(roundTrip(value), { a: 1 })).toBe(true)
    expect(same(roundTrip([value, undefined]), [{ a: 1 }, undefined])).toBe(true)
  })

  it('members that are not enumerable, and members of an array that are no items, are not kept', () => {
    expect(bodyOf(Object.defineProperty({ a: 1 }, 'hidden', { value: () => 1 }))).toBe('{"a":1}')
    expect(bodyOf(Object.assign([1], { index: 0 }))).toBe('[1]')
    expect(bodyOf(Object.assign([undefined], { index: 0 }))).toBe('["array",["literal","undefined"]]')
  })
})

describe('what is refused, by path', () => {
  class Money {
    amount = 1
  }
  class Moment extends Date {}
  class Dictionary extends Map {}
  class Group extends Set {}
  class List extends Array<unknown> {}

  it.each([
    ['result is a function', () => 1],
    ['result.a[1].b is a symbol', { a: [0, { b: Symbol('s') }] }],
    ['result.toJSON is a function', { toJSON: () => 1 }],
    ['result.total is an instance of Money', { total: new Money() }],
    ['result[0] is an instance of Moment', [new Moment(0)]],
    ['result[0] is an instance of Dictionary', [new Dictionary()]],
    ['result[0] is an instance of Group', [new Group()]],
    ['result[0] is an instance of List', [new List()]],
    ['result is an instance of Promise', Promise.resolve(1)],
    ['result is an instance of Error', new Error('e')],
    ['result is an instance of RegExp', /x/],
    ['result is an instance of Float64Array', new Float64Array(1)],
    ['result is an instance of Date', Object.create(Date.prototype)],
    ['result is an instance of Map', Object.create(Map.prototype)],
    ['result is an instance of Set', Object.create(Set.prototype)],
    ['result.m<entry 1> is a function', { m: new Map([[1, 2], [3, () => 4]] as [number, unknown][]) }], // biome-ignore format: a row
    ['result<entry 0> is a function', new Map([[() => 1, 2]])],
    ['result<entry 2>.f is a function', new Set([1, 2, { f: () => 3 }])],
    // biome-ignore lint/suspicious/noSparseArray: the hole is the test
    ['result[1] is a hole in a sparse array', [1, , 2]],
    ['result is an object with symbol keys', { [Symbol('s')]: 1 }],
    ['result.a is a getter or setter', Object.defineProperty({}, 'a', { get: () => 1, enumerable: true })],
    ['result.b is a getter or setter', Object.defineProperty({}, 'b', { set: () => {}, enumerable: true })],
  ])('%s', (what, value) => {
    expect(refusal(() => encodeResult(value))).toBe(`${what}, which cannot be stored; return plain data`)
  })

  it.each(DANGEROUS)('a member named %s, at any depth, in either representation', (dangerous) => {
    const value: unknown = JSON.parse(`{"a":[{"b":1,"${dangerous}":{"x":1}}]}`)
    const what = `result.a[0].${dangerous} is a member with a name that can reach a prototype`
    expect(refusal(() => encodeResult(value))).toBe(`${what}, which cannot be stored; return plain data`)
    expect(refusal(() => encodeResult([undefined, value]))).toContain(`result[1].a[0].${dangerous} is a member`)
    expect(roundTrip([dangerous, new Map([[dangerous, undefined]])])).toEqual([
      dangerous,
      new Map([[dangerous, undefined]]),
    ])
  })

  it('a cycle through any container', () => {
    const what = 'is a reference to something it is inside of, which cannot be stored; return plain data'
    const object: Record<string, unknown> = { a: 1 }
    object.self = object
    const array: unknown[] = []
    array.push([array])
    const map = new Map<unknown, unknown>()
    map.set('k', { map })
    const set = new Set<unknown>()
    set.add([set])
    expect(refusal(() => encodeResult(object))).toBe(`result.self ${what}`)
    expect(refusal(() => encodeResult(array))).toBe(`result[0][0] ${what}`)
    expect(refusal(() => encodeResult(map))).toBe(`result<entry 0>.map ${what}`)
    expect(refusal(() => encodeResult(set))).toBe(`result<entry 0>[0] ${what}`)
  })

  it('the path is of the value, not of one that was left before it', () => {
    const value = { a: [new Map([[1, new Set([{}])]]), { b: {} }], c: [{ d: () => 1 }] }
    expect(refusal(() => encodeResult(value))).toMatch(/^result\.c\[0]\.d is a function/)
  })

  it('a proxy that throws, or that shows the second look something else', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(refusal(() => encodeResult({ a: proxy }))).toMatch(/^result\.a cannot be read: .*revoked/)
    const shy = new Proxy({}, { ownKeys: () => { throw new Error('not today') } }) // biome-ignore format: one line
    expect(refusal(() => encodeResult([shy]))).toBe('result[0] cannot be read: not today')
    let looks = 0
    const fickle = new Proxy({ a: 1 }, { getOwnPropertyDescriptor: (target, key) => ++looks > 1 ? undefined : Reflect.getOwnPropertyDescriptor(target, key) }) // biome-ignore format: one line
    expect(refusal(() => encodeResult(fickle))).toMatch(/^result\.a cannot be read: /)
    looks = 0
    const liar = new Proxy({ a: 1 }, { ownKeys: () => (++looks > 1 ? ['a', Symbol('x')] : []) })
    expect(() => roundTrip(liar)).not.toThrow(TypeError)
  })
})

describe('limits', () => {
  const containers: [string, (inner: unknown) => unknown][] = [
    ['array', (inner) => [inner]],
    ['object', (inner) => ({ a: inner })],
    ['map', (inner) => new Map([[1, inner]])],
    ['set', (inner) => new Set([inner])],
  ]

  it.each(containers)('100 levels of %s, or as asked, on both sides', (_, wrap) => {
    const wrapped = (levels: number): unknown => {
      let value: unknown = -0
      for (let level = 0; level < levels; level++) value = wrap(value)
      return value
    }
    expect(same(roundTrip(wrapped(100)), wrapped(100))).toBe(true)
    expect(refusal(() => encodeResult(wrapped(101)))).toMatch(
      /^result\S.* is nested deeper than 100 levels, which cannot be stored; return plain data$/,
    )
    const deeper = encodeResult(wrapped(101), { maxDepth: 101 })
    expect(() => decodeResult(deeper)).toThrow(/corrupt: it is nested too deep/)
    expect(same(decodeResult(deeper, { maxDepth: 101 }), wrapped(101))).toBe(true)
  })

  it('100 levels of plain JSON, on both sides', () => {
    const text = (levels: number) => `${'[{"a":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}`
    expect(bodyOf(JSON.parse(text(100)))).toBe(text(100))
    expect(decodeResult(Buffer.from(`\x01J${text(100)}`))).toEqual(JSON.parse(text(100)))
    expect(() => decodeResult(Buffer.from(`\x01J${text(102)}`))).toThrow(/nested too deep/)
  })

  it('1 MiB including the header, or as asked, on both sides', () => {
    const limit = 1024 * 1024
    const tooLarge = 'result is larger than 1048576 bytes and cannot be stored; return a reference to it instead'
    for (const fits of ['x'.repeat(limit - 4), new Uint8Array(limit - 2)]) {
      expect(encodeResult(fits)).toHaveLength(limit)
      // Not toEqual: it takes seconds to compare a million bytes.
      expect(Buffer.from(roundTrip(fits) as string).equals(Buffer.from(fits as string))).toBe(true)
    }
    for (const large of [
      'x'.repeat(limit - 3),
      new Uint8Array(limit - 1),
      ['é'.repeat(limit / 2)],
      new Uint8Array(2e6),
    ]) {
      expect(refusal(() => encodeResult(large))).toBe(tooLarge)
    }
    const larger = encodeResult('x'.repeat(limit), { maxBytes: limit + 4 })
    expect(() => decodeResult(larger)).toThrow(/corrupt: it is larger than 1048576 bytes/)
    expect(decodeResult(larger, { maxBytes: limit + 4 })).toHaveLength(limit)
  })

  it('is judged while looking, not after building: 2^99 references, 2^32 holes, a gigabyte of names', () => {
    let bomb: unknown = 'x'.repeat(1_000)
    for (let level = 0; level < 99; level++) bomb = [bomb, bomb]
    expect(refusal(() => encodeResult(bomb))).toContain('larger than')
    expect(refusal(() => encodeResult(new Array(2 ** 32 - 1)))).toContain('result[0] is a hole')
    const named = { ['n'.repeat(100_000)]: 1 }
    expect(refusal(() => encodeResult(Array.from({ length: 10_000 }, () => named)))).toContain('larger than')
  })

  it('holds wide values without a stack overflow', () => {
    const wide = Array.from({ length: 200_000 }, (_, index) => index % 10)
    expect(JSON.stringify(roundTrip(wide))).toBe(JSON.stringify(wide))
    expect(roundTrip([...wide, undefined])).toHaveLength(200_001)
    const set = new Set(Array.from({ length: 150_000 }, (_, index) => index))
    expect((roundTrip(set) as Set<number>).size).toBe(150_000)
  })
})
