import { describe, expect, it } from 'vitest'
import { insert, setup } from '../../test/atomic-kit.ts'
import { codeOf } from '../../test/support/rejections.ts'
import { onlyonce } from './engine.ts'
import { OnlyonceError } from './errors.ts'
import type { OnceEvent } from './events.ts'
import type { EffectBesideClaim } from './store.ts'

const LOST = new OnlyonceError('OUTCOME_UNKNOWN', 'the answer was lost')

/** An engine whose store takes this one effect as a statement that runs as told. */
async function withBeside(run: EffectBesideClaim) {
  const { store, runtime, count } = await setup()
  const effect = insert('a')
  const asked: Parameters<EffectBesideClaim>[] = []
  const beside = (given: unknown): EffectBesideClaim | undefined =>
    given === effect
      ? (...one) => {
          asked.push(one)
          return run(...one)
        }
      : undefined
  const events: OnceEvent[] = []
  const once = onlyonce({ store: { ...store, beside }, scope: 'test', leaseMs: 3_000, maxRunMs: 9_000, runtime })
  once.on((event) => events.push(event))
  return { once, store, effect, asked, events, count }
}

describe('an effect that is one statement', () => {
  it('is done by it, without a transaction', async () => {
    const { once, effect, asked, events, count } = await withBeside(async () => 7)
    expect(await once.atomic.attempt('a', effect)).toEqual({ kind: 'executed', value: undefined, attempt: 1, fence: 7 })
    expect(asked).toMatchObject([[{ scope: 'test', key: 'a', owner: expect.any(String) }, 9_000]])
    expect([await count('a'), events]).toMatchObject([0, [{ type: 'executed', attempt: 1, fence: 7 }]])
  })

  it('runs in a transaction where the statement changed nothing', async () => {
    const { once, effect, asked, count } = await withBeside(async () => undefined)
    expect(await once.atomic('a', effect)).toEqual({ key: 'a' })
    expect([asked.length, await count('a')]).toEqual([1, 1])
  })

  it('runs in a transaction where the answer was lost, which finds out', async () => {
    const { once, effect, count } = await withBeside(() => Promise.reject(LOST))
    expect(await once.atomic('a', effect)).toEqual({ key: 'a' })
    expect(await count('a')).toBe(1)
  })

  it('has an unknown outcome where the answer was lost and the store is down', async () => {
    const { once, store, effect } = await withBeside(() => Promise.reject(LOST))
    store.transaction = () => Promise.reject(new Error('down'))
    const down = onlyonce({ store: { ...store, beside: () => () => Promise.reject(LOST) }, scope: 'test' })
    await expect(down.atomic('a', effect)).rejects.toBe(LOST)
    expect(await once.find('a')).toBeUndefined()
  })

  it('fails as its transaction does where the statement changed nothing', async () => {
    const { store, effect } = await withBeside(async () => undefined)
    store.transaction = () => Promise.reject(new Error('down'))
    const down = onlyonce({ store: { ...store, beside: () => async () => undefined }, scope: 'test' })
    expect(await codeOf(down.atomic('a', effect))).toBe('STORE_UNAVAILABLE')
  })

  it('has the error of the transaction where that says more', async () => {
    const { store } = await withBeside(() => Promise.reject(LOST))
    const longer = new OnlyonceError('LEASE_LOST', 'it took too long')
    store.transaction = () => Promise.reject(longer)
    const once = onlyonce({ store: { ...store, beside: () => () => Promise.reject(LOST) }, scope: 'test' })
    await expect(once.atomic('a', () => 1)).rejects.toBe(longer)
  })

  it('is not tried again where the store could not be asked', async () => {
    const { once, effect, asked, events, count } = await withBeside(() => Promise.reject(new Error('no connection')))
    await expect(once.atomic('a', effect)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('no connection'),
    })
    expect([asked.length, await count('a'), events]).toMatchObject([1, 0, [{ type: 'store-failed' }]])
  })

  it('keeps duplicates waiting no longer than they would wait elsewhere', async () => {
    let end = (_: number) => {}
    const beside = () => () => new Promise<number>((answered) => (end = answered)) // biome-ignore format: one line
    const { store, runtime, open } = await setup()
    store.beside = beside
    const once = open()
    const first = once.atomic.attempt('a', () => {})
    await runtime.advance(0)
    const over: unknown[] = []
    const tell = (how: string) => (outcome: object) => over.push([how, runtime.elapsed(), outcome])
    const options = { onInFlight: 'wait', waitMs: 100 } as const
    const duplicates = [
      once.atomic.attempt('a', () => {}).then(tell('reject')),
      once.atomic.attempt('a', () => {}, options).then(tell('wait')),
    ]
    await runtime.advance(8_000)
    const inFlight = { kind: 'in-flight', retryAfterMs: 1_000 }
    expect(over).toEqual([
      ['wait', 100, inFlight],
      ['reject', 2_000, inFlight],
    ])
    const late = codeOf(once.atomic.attempt('a', () => {}, { onInFlight: 'wait', waitMs: 60_000 }))
    await runtime.advance(1)
    const closing = once.close()
    expect(await late).toBe('CLOSED')
    end(5)
    expect(await first).toMatchObject({ kind: 'executed' })
    await Promise.all([closing, ...duplicates])
  })

  it('joins a transaction of the caller’s like every other', async () => {
    const { once, store, effect, asked } = await withBeside(async () => 7)
    expect(await store.transaction((tx) => once.atomic('a', effect, { tx }))).toEqual({ key: 'a' })
    expect(asked).toEqual([])
  })
})
