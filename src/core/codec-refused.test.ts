import { describe, expect, it } from 'vitest'
import { DANGEROUS, refusal, roundTrip } from '../../test/codec-kit.ts'
import { encodeResult } from './codec.ts'

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

  it('what JSON would ask for another value to write in its place', () => {
    const toJSON = () => ({ b: 2 })
    const what = 'is an object with a toJSON that is no member'
    const hidden = Object.defineProperty({ a: 1 }, 'toJSON', { value: toJSON })
    expect(refusal(() => encodeResult([hidden]))).toMatch(`result[0] ${what}`)
    expect(refusal(() => encodeResult({ rows: Object.assign([1], { toJSON }) }))).toMatch(`result.rows ${what}`)
    const anything = new Proxy([1], { get: (target, name) => Reflect.get(target, name) ?? toJSON })
    expect(refusal(() => encodeResult(anything))).toMatch(`result ${what}`)
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
