import { describe, expect, it } from 'vitest'
import { refusal, roundTrip, same } from '../../test/codec-kit.ts'
import { decodeResult, encodeResult } from './codec.ts'

function bodyOf(value: unknown): string {
  return Buffer.from(encodeResult(value)).toString('latin1', 2)
}

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
