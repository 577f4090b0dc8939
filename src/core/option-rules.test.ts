import { describe, expect, it } from 'vitest'
import {
  aBoolean,
  aFunction,
  aRuntime,
  checkEach,
  checkEngine,
  checkedName,
  checkFunction,
  functionOr,
  invalidKind,
  notAnObject,
  oneOf,
  positive,
  positiveOver,
  refuseUnknown,
  upToAnHour,
} from './option-rules.ts'

import { systemRuntime } from './runtime.ts'

const refusal = (message: string) => expect.objectContaining({ code: 'OPTION_INVALID', message })

describe('rules', () => {
  it.each([
    [
      'positive',
      () => positive,
      [1, 2 ** 40],
      [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '1', undefined],
      'must be a positive integer',
    ],
    [
      'upToAnHour',
      () => upToAnHour(),
      [1, 3_600_000],
      [0, 3_600_001, 1.5, '5'],
      'must be a whole number of milliseconds from 1 to an hour',
    ],
    [
      'upToAnHour(0)',
      () => upToAnHour(0),
      [0, 1],
      [-1, 3_600_001],
      'must be a whole number of milliseconds from 0 to an hour',
    ],
    ['aBoolean', () => aBoolean, [true, false], ['true', 0, undefined], 'must be true or false'],
    ['aFunction', () => aFunction, [() => {}, class {}], ['f', {}, undefined], 'must be a function'],
    ['oneOf', () => oneOf('a', 'b'), ['a', 'b'], ['c', '', undefined], "must be one of 'a', 'b'"],
    ['functionOr', () => functionOr(oneOf('a')), ['a', () => {}], ['c', {}], "must be a function or one of 'a'"],
    [
      'aRuntime',
      () => aRuntime,
      [systemRuntime],
      [{}, { ...systemRuntime, after: 5 }, undefined],
      'must be a Runtime: now, elapsed, token, random, after',
    ],
  ])('%s', (_, made, right, wrong, says) => {
    const rule = made()
    for (const value of right) expect(rule(value), String(value)).toBeUndefined()
    for (const value of wrong) expect(rule(value), String(value)).toBe(says)
  })
})

describe('checks', () => {
  it('each option is checked that was given', () => {
    checkEach(positive, { a: 1, b: undefined })
    expect(() => checkEach(positive, { a: 1, b: 0 })).toThrow(refusal('option `b` must be a positive integer; got 0'))
  })

  it('numbers are taken over their defaults', () => {
    expect(positiveOver({ a: 1, b: 2 }, { a: 5, b: undefined })).toEqual({ a: 5, b: 2 })
    expect(() => positiveOver({ a: 1 }, { a: -5 })).toThrow(refusal('option `a` must be a positive integer; got -5'))
  })

  it('a name is a text that is not empty', () => {
    expect(checkedName('queue', 'orders')).toBe('orders')
    expect(() => checkedName('queue', '')).toThrow(refusal('option `queue` is required: a name; got ""'))
    expect(() => checkedName('queue', 5)).toThrow(refusal('option `queue` is required: a name; got 5'))
    expect(() => checkedName('queue', undefined)).toThrow(refusal('option `queue` is required: a name; got undefined'))
  })

  it('a function is required', () => {
    checkFunction('handle', () => {})
    expect(() => checkFunction('handle', 'f')).toThrow(refusal('option `handle` is required: a function; got "f"'))
  })

  it('of what may hold a password only the kind is told', () => {
    const told = (value: unknown) => invalidKind('url', 'is wrong', value).message
    expect([undefined, null, 'secret', 5, { a: 'secret' }, () => {}].map(told)).toEqual(
      ['undefined', 'null', 'a string', 'a number', 'an object', 'a function'].map(
        (got) => `option \`url\` is wrong; got ${got}`,
      ),
    )
    expect(invalidKind('url', 'is wrong', 5).code).toBe('OPTION_INVALID')
  })

  it('an engine has attempt, store and options', () => {
    const engine = { attempt: () => {}, store: {}, options: {} }
    checkEngine(engine)
    const says = 'must be an engine, as `onlyonce({ store, scope })` answers; got'
    for (const member of ['attempt', 'store', 'options'])
      expect(() => checkEngine({ ...engine, [member]: undefined })).toThrow(
        refusal(`option \`once\` ${says} an object`),
      )
    expect(() => checkEngine('text', 'engines.shop')).toThrow(refusal(`option \`engines.shop\` ${says} a string`))
  })

  it('options are an object, or a function that has them, or left out', () => {
    expect([{}, undefined, null, () => {}].map(notAnObject)).toEqual([false, false, false, false])
    expect(['text', 5, true, 5n].map(notAnObject)).toEqual([true, true, true, true])
    refuseUnknown({ a: 1 }, ['a', 'b'])
    refuseUnknown(null, ['a'])
    refuseUnknown(() => {}, ['a'])
    expect(() => refuseUnknown({ c: 1 }, ['a', 'b'], 'batch.')).toThrow(
      refusal('option `batch.c` is not an option; there are a, b'),
    )
    expect(() => refuseUnknown('secret', ['a', 'b'])).toThrow(
      refusal('options must be an object with a, b; got a string'),
    )
  })
})
