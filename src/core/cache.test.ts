import { describe, expect, it } from 'vitest'
import { engine } from '../../test/engine-kit.ts'
import { codeOf } from '../../test/support/rejections.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { createCache } from './cache.ts'
import { encodeResult } from './codec.ts'
import { resolveKey } from './key.ts'
import type { Store } from './store.ts'

const MEGABYTE = 1_000_000
const named = (key: string, payload?: unknown) => resolveKey(payload === undefined ? key : { key, payload }, 's', 255)
const value = (what: unknown, fence = 7) => ({
  result: { kind: 'value' as const, body: new Uint8Array(encodeResult(what)) },
  fence,
})

describe('the cache of results', () => {
  const cacheOf = (maxBytes = MEGABYTE, maxAgeMs = 1_000) => {
    const runtime = fakeRuntime()
    return { runtime, cache: createCache({ maxBytes, maxAgeMs }, runtime) }
  }

  it('answers until it is too old, or the retention is over', async () => {
    const { runtime, cache } = cacheOf()
    cache.put(named('a'), value(1), 60_000, cache.drops)
    cache.put(named('b'), value(2), 500, cache.drops)
    await runtime.advance(499)
    expect(cache.get(named('a'))).toMatchObject(value(1))
    expect(cache.get(named('b'))).toMatchObject(value(2))
    await runtime.advance(1)
    expect(cache.get(named('b'))).toBeUndefined()
    await runtime.advance(499)
    expect(cache.get(named('a'))).toMatchObject(value(1))
    await runtime.advance(1)
    expect(cache.get(named('a'))).toBeUndefined()
  })

  it('does not know another payload, and does not forget the first for it', () => {
    const { cache } = cacheOf()
    cache.put(named('a', 1), value('first'), 60_000, cache.drops)
    expect(cache.get(named('a', 2))).toBeUndefined()
    expect(cache.get(named('a'))).toBeUndefined()
    expect(cache.get(named('a', 1))).toMatchObject(value('first'))
  })

  it('never holds more than maxBytes; the oldest goes first, and what is too large is not kept', () => {
    const { cache } = cacheOf(2_500)
    cache.put(named('a'), value('x'.repeat(500)), 60_000, cache.drops)
    cache.put(named('b'), value('y'.repeat(500)), 60_000, cache.drops)
    cache.put(named('huge'), value('z'.repeat(2_500)), 60_000, cache.drops)
    expect(cache.get(named('huge'))).toBeUndefined()
    expect(cache.get(named('a'))).toBeDefined()
    cache.put(named('c'), value('z'.repeat(500)), 60_000, cache.drops)
    expect([cache.get(named('a')), cache.get(named('b')), cache.get(named('c'))].map(Boolean)).toEqual([
      false,
      true,
      true,
    ])
    for (let again = 0; again < 50; again++) cache.put(named('c'), value('z'.repeat(500)), 60_000, cache.drops)
    expect(cache.get(named('b'))).toBeDefined()
  })

  it('keeps the bytes of a result alone, and not the memory that they share with others', () => {
    const { cache } = cacheOf()
    const body = encodeResult('short')
    expect(body.buffer.byteLength).toBeGreaterThan(body.length)
    cache.put(named('a'), { ...value('short'), result: { kind: 'value', body } }, 60_000, cache.drops)
    const kept = cache.get(named('a'))
    expect(kept).toMatchObject(value('short'))
    expect(kept?.result.body.buffer.byteLength).toBe(body.length)
  })

  it('counts fingerprints too, which may be longer than the results', () => {
    const { cache } = cacheOf(2_500)
    const long = { ...named('a'), fingerprint: 'f'.repeat(2_500) }
    cache.put(long, value(1), 60_000, cache.drops)
    expect(cache.get(long)).toBeUndefined()
  })

  it('does not keep what waits for a decision', () => {
    const { cache } = cacheOf()
    cache.put(named('a'), { result: { kind: 'unknown', body: new Uint8Array() }, fence: 1 }, 60_000, cache.drops)
    expect(cache.get(named('a'))).toBeUndefined()
  })
})

describe('an engine with a cache', () => {
  const cached = { cache: { maxBytes: MEGABYTE, maxAgeMs: 1_000 } }

  it('answers duplicates without the store, as copies, and tells so', async () => {
    let asked = 0
    const { once, events } = engine(cached, () => {
      asked++
      return undefined
    })
    const first = await once('k', () => ({ list: [1] }))
    const after = asked
    const second = await once('k', () => expect.fail('ran twice'))
    expect(second).toEqual(first)
    ;(second as { list: number[] }).list.push(2)
    expect(await once('k', () => expect.fail('ran twice'))).toEqual({ list: [1] })
    expect(asked).toBe(after)
    const replayed = events.filter((event) => event.type === 'replayed')
    expect(replayed).toEqual(
      Array(2).fill({ type: 'replayed', result: 'value', joined: false, scope: 'test', key: 'k' }),
    )
    await expect(once('k', () => 0, { onDuplicate: 'reject' })).rejects.toMatchObject({ code: 'DUPLICATE' })
  })

  it('learns from the store what another process has done', async () => {
    let asked = 0
    const { open } = engine({}, {})
    await open()('k', () => 'first')
    const once = open(cached, () => {
      asked++
      return undefined
    })
    expect(await once('k', () => 'again')).toBe('first')
    const after = asked
    expect(await once('k', () => 'again')).toBe('first')
    expect(asked).toBe(after)
  })

  it('leaves another payload to the store', async () => {
    const { once } = engine(cached)
    await once({ key: 'k', payload: 1 }, () => 'first')
    await expect(once({ key: 'k', payload: 2 }, () => 'second')).rejects.toMatchObject({ code: 'KEY_REUSED' })
  })

  it('forgets at once what is forgotten here, and within maxAgeMs what is forgotten elsewhere', async () => {
    const { once, open, runtime } = engine(cached)
    const other = open()
    await once('k', () => 1)
    await once.forget('k')
    expect(await once('k', () => 2)).toBe(2)
    await other.forget('k')
    expect(await once('k', () => 3)).toBe(2)
    await runtime.advance(1_000)
    expect(await once('k', () => 3)).toBe(3)
  })

  it('does not bring back what was forgotten while a duplicate was being answered', async () => {
    const { store, open } = engine()
    await open()('k', () => 1)
    let answer: () => void = () => {}
    const answering = new Promise<void>((resolve) => {
      answer = resolve
    })
    let slow = true
    const slowClaims: Store = {
      ...store,
      async claim(requests) {
        const outcomes = await store.claim(requests)
        if (slow) await answering
        return outcomes
      },
    }
    const once = open({ ...cached, store: slowClaims })
    const duplicate = once('k', () => 2)
    await new Promise(setImmediate)
    expect(await once.forget('k')).toBe(true)
    slow = false
    answer()
    expect(await duplicate).toBe(1)
    expect(await once('k', () => 3)).toBe(3)
  })

  it('does not bring back what was forgotten although the answer was lost', async () => {
    const { open, store } = engine()
    await open()('k', () => 1)
    let arrives = () => {}
    const onItsWay = new Promise<void>((resolve) => {
      arrives = resolve
    })
    const lossy: Store = {
      ...store,
      async forget(ids) {
        await onItsWay
        await store.forget(ids)
        throw new Error('the reply was lost')
      },
    }
    const once = open({ ...cached, store: lossy })
    const forgetting = codeOf(once.forget('k'))
    expect(await once('k', () => 2)).toBe(1)
    arrives()
    expect(await forgetting).toBe('STORE_UNAVAILABLE')
    expect(await once.find('k')).toBeUndefined()
    expect(await once('k', () => 3)).toBe(3)
  })

  it('keeps nothing of a lock, of an effect that threw, and of a claim that is under way', async () => {
    const { once } = engine(cached)
    let runs = 0
    await once.exclusive('k', () => void runs++)
    await once.exclusive('k', () => void runs++)
    expect(runs).toBe(2)
    await once('t', () => Promise.reject(new Error('no'))).catch(() => {})
    expect(await once('t', () => 'yes')).toBe('yes')
  })

  it('may be left out in so many words', async () => {
    const { once } = engine({ cache: false })
    expect(await once('k', () => 1)).toBe(1)
  })

  it('replays a remembered error', async () => {
    const { once } = engine({ ...cached, onThrow: 'remember' })
    await once('k', () => Promise.reject(new Error('declined'))).catch(() => {})
    await expect(once('k', () => 'paid')).rejects.toThrow('declined')
  })

  it.each([true, {}, { maxBytes: 1 }, { maxBytes: 0, maxAgeMs: 1 }, { maxBytes: 1, maxAgeMs: 1, ttl: 3 }, 5])(
    'refuses %j',
    (cache) => {
      expect(() => engine({ cache: cache as never })).toThrow(/option `cache` must be false or/)
    },
  )
})
