import { describe, expect, it } from 'vitest'
import { memoryStore } from '../stores/memory/index.ts'
import { OnlyonceError } from './errors.ts'
import { invalidKind, invalidOption, refuseUnknown } from './option-rules.ts'
import {
  CALL_DEFAULTS,
  type CallOptions,
  DEFAULTS,
  type EngineOptions,
  resolveCallOptions,
  resolveOptions,
} from './options.ts'
import { systemRuntime } from './runtime.ts'

const store = memoryStore()
const given = { store, scope: 'orders' }
const HUNDRED_YEARS = 100 * 365 * 24 * 3600 * 1000

/** The message after `OPTION_INVALID`, or undefined when the options are taken. */
function refusal(options: Record<string, unknown> | undefined): string | undefined {
  try {
    resolveOptions(options as never)
    return undefined
  } catch (error) {
    if (OnlyonceError.is(error) && error.code === 'OPTION_INVALID') return error.message
    throw error
  }
}

const refused = (options: Record<string, unknown>) => refusal({ ...given, ...options })

describe('resolveOptions', () => {
  it('fills in the defaults of the design, and freezes the answer', () => {
    const resolved = resolveOptions(given)
    expect(resolved).toStrictEqual({
      scope: 'orders',
      leaseMs: 30_000,
      maxRunMs: 900_000,
      storeTimeoutMs: 5_000,
      sweepEveryMs: 60_000,
      cache: false,
      retentionMs: 86_400_000,
      onDuplicate: 'replay',
      onInFlight: 'reject',
      waitMs: 10_000,
      onAbandoned: 'retry',
      onThrow: 'release',
      onStoreDown: 'fail',
      keys: 'plain',
      maxKeyLength: 255,
      maxBatch: 500,
      onListenerError: DEFAULTS.onListenerError,
      runtime: systemRuntime,
    })
    expect(resolved.onListenerError(new Error('nobody is told'))).toBe(undefined)
    expect(Object.isFrozen(resolved)).toBe(true)
    expect(Object.isFrozen(DEFAULTS)).toBe(true)
    expect(Object.isFrozen(CALL_DEFAULTS)).toBe(true)
  })

  it('takes what is given, leaves the object as it was, and reads undefined as not given', () => {
    const options: Record<string, unknown> = { ...given, leaseMs: 500, onThrow: 'remember', waitMs: undefined }
    const before = { ...options }
    const resolved = resolveOptions(options as unknown as EngineOptions)
    expect(resolved).toMatchObject({ leaseMs: 500, onThrow: 'remember', waitMs: 10_000 })
    expect(options).toStrictEqual(before)
  })

  it('takes every word and every function there is', () => {
    const policy = () => 'release' as const
    const words: Record<string, readonly unknown[]> = {
      onDuplicate: ['replay', 'reject'],
      onInFlight: ['reject', 'wait'],
      onAbandoned: ['retry', 'hold', policy],
      onThrow: ['release', 'remember', policy],
      onStoreDown: ['fail', 'run'],
      keys: ['plain', 'hashed'],
      onListenerError: [policy],
      runtime: [{ ...systemRuntime }],
    }
    for (const [name, values] of Object.entries(words)) {
      for (const value of values) {
        expect(resolveOptions({ ...given, [name]: value } as EngineOptions)).toHaveProperty(name, value)
      }
    }
  })

  it.each([
    [{ onDuplicate: 'wait' }, "option `onDuplicate` must be one of 'replay', 'reject'; got \"wait\""],
    [{ onInFlight: 'replay' }, "option `onInFlight` must be one of 'reject', 'wait'; got \"replay\""],
    [{ onInFlight: () => 'wait' }, "option `onInFlight` must be one of 'reject', 'wait'; got () => \"wait\""],
    [{ onAbandoned: 'fail' }, "option `onAbandoned` must be a function or one of 'retry', 'hold'; got \"fail\""],
    [{ onThrow: true }, "option `onThrow` must be a function or one of 'release', 'remember'; got true"],
    [{ onStoreDown: 'release' }, "option `onStoreDown` must be one of 'fail', 'run'; got \"release\""],
    [{ keys: 'sha256' }, "option `keys` must be one of 'plain', 'hashed'; got \"sha256\""],
    [{ onListenerError: 'throw' }, 'option `onListenerError` must be a function; got "throw"'],
    [
      { runtime: { ...systemRuntime, elapsed: undefined } },
      'option `runtime` must be a Runtime: now, elapsed, token, random, after; got { now, elapsed, token, random, after }',
    ],
    [{ cache: true }, 'option `cache` must be false or { maxBytes, maxAgeMs }, both positive integers; got true'],
    [{ cache: null }, 'option `cache` must be false or { maxBytes, maxAgeMs }, both positive integers; got null'],
    [
      { cache: { maxBytes: 9 } },
      'option `cache` must be false or { maxBytes, maxAgeMs }, both positive integers: `maxAgeMs` is undefined; got { maxBytes }',
    ],
    [
      { cache: { maxBytes: 9, maxAgeMs: 9, ttl: 9 } },
      'option `cache` must be false or { maxBytes, maxAgeMs }, both positive integers: `ttl` is none of them; got { maxBytes, maxAgeMs, ttl }',
    ],
    [{ runtime: null }, 'option `runtime` must be a Runtime: now, elapsed, token, random, after; got null'],
    [{ runtime: 'system' }, 'option `runtime` must be a Runtime: now, elapsed, token, random, after; got "system"'],
  ])('refuses %j', (options, message) => {
    expect(refused(options)?.replaceAll("() => 'wait'", '() => "wait"')).toBe(message)
  })

  it.each(['leaseMs', 'maxRunMs', 'retentionMs', 'waitMs', 'storeTimeoutMs', 'maxKeyLength', 'maxBatch'])(
    'takes only positive integers for %s',
    (name) => {
      for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1000', null, [5], {}]) {
        expect(refused({ [name]: value })).toMatch(`option \`${name}\` must be a positive integer; got `)
      }
    },
  )

  it.each(['waitMs', 'storeTimeoutMs', 'maxKeyLength', 'maxBatch'])('takes 1 for %s', (name) => {
    expect(refused({ [name]: 1 })).toBe(undefined)
  })

  it('names an unknown option and those there are', () => {
    const message = refused({ leaseMS: 5 })
    expect(message).toMatch(
      /^option `leaseMS` is not an option; there are leaseMs, maxRunMs, retentionMs, .*, runtime$/,
    )
    for (const name of Object.keys(DEFAULTS)) expect(message).toContain(name)
    expect(refused({ toString: 1 })).toMatch('option `toString` is not an option')
    expect(refused({ unknown: undefined })).toMatch('option `unknown` is not an option')
  })

  it('refuses times that belong to no unit', () => {
    for (const name of ['leaseMs', 'maxRunMs', 'retentionMs', 'waitMs']) {
      const all = { leaseMs: HUNDRED_YEARS, maxRunMs: HUNDRED_YEARS, retentionMs: HUNDRED_YEARS, waitMs: HUNDRED_YEARS }
      expect(refused(all)).toBe(undefined)
      expect(refused({ ...all, [name]: HUNDRED_YEARS + 1 })).toBe(
        `option \`${name}\` must not be longer than 100 years; got ${HUNDRED_YEARS + 1}`,
      )
    }
  })

  it('refuses combinations that cannot hold, and takes their limits', () => {
    expect(refused({ leaseMs: 3, maxRunMs: 3, retentionMs: 3 })).toBe(undefined)
    expect(refused({ leaseMs: 2 })).toBe(
      'option `leaseMs` must be at least 3, since it is renewed every third of it; got 2',
    )
    expect(refused({ leaseMs: 500, retentionMs: 499 })).toBe(
      'option `retentionMs` must not be shorter than leaseMs (500); got 499',
    )
    expect(refused({ leaseMs: 500, maxRunMs: 499 })).toBe(
      'option `maxRunMs` must not be shorter than leaseMs (500); got 499',
    )
  })

  it('requires a scope', () => {
    expect(refusal({ store })).toMatch('option `scope` is required')
    expect(refusal({ store, scope: '!mine' })).toMatch('option `scope` must not begin with')
  })

  it('says of a store by URL that it comes later', () => {
    const message = refusal({ store: Promise.resolve(store), scope: 'orders' })
    expect(message).toMatch('option `store` must be awaited: `await openStore(url)`')
  })

  it('requires a store', () => {
    const message = 'option `store` is required: a store such as memoryStore() or sqliteStore({ path }); got'
    for (const wrong of [undefined, null, {}, 'memory:', { claim: 1, traits: {} }, { claim: () => {} }]) {
      expect(refusal({ store: wrong, scope: 's' })).toMatch(message)
    }
    expect(refusal(undefined)).toMatch(message)
  })
})

describe('resolveCallOptions', () => {
  it('reads an object anew at every call, unless it is frozen and cannot have changed', () => {
    const engine = { ...CALL_DEFAULTS }
    const given = { waitMs: 1 }
    expect(resolveCallOptions(engine, given).waitMs).toBe(1)
    given.waitMs = 2
    expect(resolveCallOptions(engine, given).waitMs).toBe(2)
    const frozen = Object.freeze({ waitMs: 3 })
    const once = resolveCallOptions(engine, frozen)
    expect(once.waitMs).toBe(3)
    expect(resolveCallOptions(engine, frozen)).toBe(once)
    expect(resolveCallOptions({ ...engine, leaseMs: 5_000 }, frozen)).toMatchObject({ leaseMs: 5_000, waitMs: 3 })
    expect(resolveCallOptions(engine, frozen)).toMatchObject({ leaseMs: 30_000, waitMs: 3 })
  })

  it('takes null for no choices', () => {
    expect(resolveCallOptions(CALL_DEFAULTS, null as never)).toEqual(CALL_DEFAULTS)
  })

  const engine = resolveOptions({ ...given, leaseMs: 500, onThrow: 'remember' })
  const refusedCall = (options: Record<string, unknown>) => {
    expect(() => resolveCallOptions(engine, options as CallOptions)).toThrow(OnlyonceError)
    try {
      resolveCallOptions(engine, options as CallOptions)
    } catch (error) {
      return (error as OnlyonceError).message
    }
    return undefined
  }

  it('answers those of the engine when the call has none', () => {
    expect(resolveCallOptions(engine, undefined)).toBe(engine)
  })

  it('changes what the call names, and knows nothing of the rest', () => {
    const resolved = resolveCallOptions(engine, { retentionMs: 1_000, onThrow: undefined } as unknown as CallOptions)
    expect(resolved).toStrictEqual({
      ...CALL_DEFAULTS,
      leaseMs: 500,
      onThrow: 'remember',
      retentionMs: 1_000,
    })
  })

  it('checks the call against the engine', () => {
    expect(refusedCall({ retentionMs: 499 })).toBe(
      'option `retentionMs` must not be shorter than leaseMs (500); got 499',
    )
    expect(refusedCall({ leaseMs: 0 })).toMatch('option `leaseMs` must be a positive integer')
  })

  it('refuses a text in place of options', () => {
    expect(refusedCall('wait' as never)).toMatch(/^options must be an object with leaseMs, .*; got a string$/)
  })

  it('refuses options that only an engine has', () => {
    for (const name of ['store', 'scope', 'storeTimeoutMs', 'keys', 'maxKeyLength', 'maxBatch', 'runtime']) {
      expect(refusedCall({ [name]: 5 })).toMatch(`option \`${name}\` is not an option; there are leaseMs,`)
    }
  })
})

describe('refuseUnknown', () => {
  it('names the first option that is not known, even when it is undefined', () => {
    refuseUnknown({ a: 1 }, ['a', 'b'])
    expect(() => refuseUnknown({ a: 1, c: undefined, d: 2 }, ['a', 'b'])).toThrow(
      'option `c` is not an option; there are a, b',
    )
    expect(() => refuseUnknown({ toString: 1 }, [])).toThrow('option `toString` is not an option')
    expect(() => refuseUnknown({ waitReplica: 1 }, ['waitReplicas'], 'durability.')).toThrow(
      'option `durability.waitReplica` is not an option; there are waitReplicas',
    )
  })

  it('does not print what was given under an unknown name, or in place of options: it may be a secret', () => {
    expect(() => refuseUnknown({ pasword: 's3cret' }, ['password'])).toThrow(/^option `pasword` .* password$/)
    expect(() => refuseUnknown('postgres://u:s3cret@host', ['pool'])).toThrow(
      /^options must be an object with pool; got a string$/,
    )
  })

  it('takes options that were left out for none', () => {
    for (const given of [undefined, null, {}]) expect(() => refuseUnknown(given, ['a'])).not.toThrow()
  })
})

describe('invalidOption', () => {
  it('says option, rule and value', () => {
    expect(invalidOption('path', 'must be a file', 7)).toMatchObject({
      code: 'OPTION_INVALID',
      message: 'option `path` must be a file; got 7',
    })
  })
})

describe('invalidKind', () => {
  it.each([
    ['postgres://u:secret@host/shop', 'a string'],
    [{ password: 'secret' }, 'an object'],
    [undefined, 'undefined'],
    [null, 'null'],
  ])('says option, rule and the kind of %j, and not what is in it', (value, kind) => {
    expect(invalidKind('pool', 'must be a pool', value).message).toBe(`option \`pool\` must be a pool; got ${kind}`)
  })
})
