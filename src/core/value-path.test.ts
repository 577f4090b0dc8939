import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { describe as describeValue, isPlainArray, isPlainObject, Trail } from './value-path.ts'

describe('Trail', () => {
  it('reads like the JavaScript that reaches the place', () => {
    const trail = new Trail('payload')
    expect(String(trail)).toBe('payload')
    for (const step of ['items', 3, 'unit price', '_a$1', { entry: 2 }, '1st', ''] as const) {
      trail.enter({})
      trail.at(step)
    }
    expect(String(trail)).toBe('payload.items[3]["unit price"]._a$1<entry 2>["1st"][""]')
  })

  it('forgets a container it left, and keeps only the last step in each', () => {
    const trail = new Trail('x')
    trail.enter([])
    expect(String(trail)).toBe('x')
    trail.at(0)
    trail.at(1)
    trail.enter({})
    trail.at('a')
    expect(trail.depth).toBe(2)
    trail.leave()
    expect(trail.depth).toBe(1)
    expect(String(trail)).toBe('x[1]')
  })

  it('knows every container it is inside of, and none it left', () => {
    const [outer, inner] = [{}, {}]
    const trail = new Trail('x')
    trail.enter(outer)
    trail.enter(inner)
    expect([trail.isInside(outer), trail.isInside(inner), trail.isInside({})]).toEqual([true, true, false])
    trail.leave()
    expect([trail.isInside(outer), trail.isInside(inner)]).toEqual([true, false])
  })

  it('shortens a long name, so that hostile input cannot fill a log', () => {
    const trail = new Trail('x')
    trail.enter({})
    trail.at('k'.repeat(60))
    expect(String(trail)).toBe(`x.${'k'.repeat(60)}`)
    trail.at('k'.repeat(61))
    expect(String(trail)).toBe(`x["${'k'.repeat(60)}"…]`)
  })

  it('quotes a name that only starts or ends like an identifier', () => {
    const trail = new Trail('x')
    trail.enter({})
    for (const [name, text] of [
      ['-a', 'x["-a"]'],
      ['a-', 'x["a-"]'],
      ['\ud800', 'x["\\ud800"]'],
    ] as const) {
      trail.at(name)
      expect(String(trail)).toBe(text)
    }
  })
})

it('a plain array has the prototype of arrays', () => {
  class List extends Array {}
  expect(isPlainArray([])).toBe(true)
  expect(isPlainArray(new List())).toBe(false)
  expect(isPlainArray(Object.create(Array.prototype))).toBe(false)
  expect(isPlainArray({})).toBe(false)
})

it('a plain object is a literal or has no prototype', () => {
  expect(isPlainObject({})).toBe(true)
  expect(isPlainObject(Object.create(null))).toBe(true)
  expect(isPlainObject(Object.create({}))).toBe(false)
  expect(isPlainObject([])).toBe(false)
  expect(isPlainObject(Object.setPrototypeOf([], Object.prototype))).toBe(false)
  expect(isPlainObject(Object.setPrototypeOf([], null))).toBe(false)
})

it('what comes from another realm is plain as well, and what only looks like it is not', () => {
  const [list, literal] = runInNewContext('[[1], { a: 1 }]') as [unknown[], object]
  expect([isPlainArray(list), isPlainObject(literal)]).toEqual([true, true])
  expect([isPlainObject(list), isPlainArray(literal)]).toEqual([false, false])
  const classes = '[class Object {}, class Money {}, class Array extends globalThis.Array {}]'
  for (const source of [`${classes}.map((it) => new it())`, '[new Date(0), new Map(), Object.create({})]']) {
    for (const value of runInNewContext(source) as object[]) {
      expect([isPlainArray(value), isPlainObject(value)]).toEqual([false, false])
    }
  }
  const nameless = Object.create(null) as object
  expect(isPlainObject(Object.create(nameless))).toBe(false)
  expect(isPlainObject(Object.create(Object.defineProperty(nameless, 'constructor', { value: null })))).toBe(false)
  expect(isPlainArray(Object.setPrototypeOf([], null))).toBe(false)
  const alike = Object.create(null, { constructor: { value: { name: 'Array' } } })
  expect(isPlainArray(Object.setPrototypeOf([], alike))).toBe(false)
})

it('an unwelcome value is named for a message', () => {
  class Money {}
  const cases: [unknown, string][] = [
    [Number.NaN, 'NaN'],
    [Number.NEGATIVE_INFINITY, '-Infinity'],
    [undefined, 'undefined'],
    [1n, 'a bigint'],
    [Symbol('s'), 'a symbol'],
    [() => 1, 'a function'],
    [new Money(), 'an instance of Money'],
    [new Date(0), 'an instance of Date'],
    [runInNewContext('new Map()'), 'an instance of Map'],
    [Object.create(Object.create(null)), 'an instance of an unnamed class'],
    [Object.assign(Object.create({}), { constructor: {} }), 'an instance of an unnamed class'],
    [new (class {})(), 'an instance of an unnamed class'],
    [(function* () {})(), 'an instance of an unnamed class'],
    [null, 'an instance of an unnamed class'],
  ]
  for (const [value, text] of cases) expect(describeValue(value)).toBe(text)
})
