import { describe, expect, it } from 'vitest'
import { always, engine, gate } from '../../test/engine-kit.ts'
import { codeOf } from '../../test/support/rejections.ts'
import type { Effect } from './once.ts'
import { storedValue } from './result.ts'

/** It stops when it is told to, as a request does that was given the signal. */
const stoppable: Effect<never> = (op) =>
  new Promise((_, reject) => op.signal.addEventListener('abort', () => reject(op.signal.reason)))

describe('an effect that threw, of which nobody knows how far it came', () => {
  it('counts as abandoned when a step ran that could not be saved', async () => {
    const happened: unknown[] = []
    const onAbandoned = ({ attempt }: { readonly attempt: number }) => {
      happened.push(attempt)
      return { happened: true, value: 'known' } as const
    }
    const { once, runtime } = engine({ onAbandoned }, (verb, call) =>
      verb === 'renew' && call <= 3 ? { kind: 'lose-request' } : undefined,
    )
    let charges = 0
    const effect: Effect<string> = async (op) => {
      await op.step('charge', () => ++charges)
      return 'paid'
    }
    const first = codeOf(once('a', effect))
    await runtime.advance(2_000)
    expect(await first).toBe('STORE_UNAVAILABLE')
    expect(await once.find('a')).toMatchObject({ state: 'running', attempt: 1 })
    await runtime.advance(3_000)
    expect(await once('a', effect)).toBe('known')
    expect([charges, happened]).toEqual([1, [2]])
  })

  it('fails with its own error where nobody can say who has the record now', async () => {
    const { once, runtime } = engine({}, (verb, call) =>
      verb === 'find' || (verb === 'renew' && call <= 3) ? { kind: 'lose-request' } : undefined,
    )
    const first = once.attempt('a', async (op) => {
      await op.step('charge', () => 1).catch(() => {})
      throw new Error('declined')
    })
    await runtime.advance(5_000)
    expect(await first).toMatchObject({ kind: 'failed', error: { message: 'declined' } })
  })

  it('is given back when a step that was saved too late was saved with the next one', async () => {
    const { once, runtime } = engine({ leaseMs: 60_000 }, (verb, call) =>
      verb === 'renew' && call <= 3 ? { kind: 'lose-request' } : undefined,
    )
    const first = codeOf(
      once('a', async (op) => {
        await op.step('one', () => 1).catch(() => {})
        await op.step('two', () => 2)
        throw new Error('declined')
      }),
    )
    await runtime.advance(5_000)
    await first
    expect(await once.find('a')).toMatchObject({ state: 'idle', attempt: 0 })
  })

  it('is given back when the step beside it was saved after all, and that step is not run again', async () => {
    const { once, runtime } = engine({ onAbandoned: 'hold' }, (verb) =>
      verb === 'renew' ? { kind: 'delay-request', ms: 20 } : undefined,
    )
    let charges = 0
    const effect = (fails: boolean): Effect<unknown> => {
      const other = () => {
        if (fails) throw new Error('declined')
      }
      return (op) => Promise.all([op.step('charge', () => ++charges), op.step('other', other)])
    }
    const first = codeOf(once('a', effect(true)))
    await runtime.advance(30)
    await first
    expect(await once.find('a')).toMatchObject({ state: 'idle', attempt: 0 })
    const second = once('a', effect(false))
    await runtime.advance(50)
    expect([await second, charges]).toEqual([[1, undefined], 1])
  })

  it.each([
    ['maxRunMs is over', { maxRunMs: 3_000 }, {}],
    ['nothing was heard of the store for a lease', {}, always('renew', { kind: 'lose-request' })],
  ])('counts as abandoned when it was told to stop, since %s', async (_, given, plan) => {
    const { once, open, runtime } = engine({ onAbandoned: 'hold', ...given }, plan)
    const first = codeOf(once('a', stoppable))
    await runtime.advance(3_600)
    expect(await first).toBe('LEASE_LOST')
    await runtime.advance(3_000)
    expect(await open({ onAbandoned: 'hold' }).attempt('a', () => 'again')).toEqual({ kind: 'unknown' })
  })

  it('is not remembered with the error that told it to stop', async () => {
    const { once, runtime } = engine({ onThrow: 'remember', maxRunMs: 3_000 })
    const first = codeOf(once('a', stoppable))
    await runtime.advance(6_000)
    expect(await first).toBe('LEASE_LOST')
    await runtime.advance(3_000)
    expect(await once('a', () => 'done')).toBe('done')
  })

  it('is remembered with an error of its own, as it was asked to be', async () => {
    const { once, runtime } = engine({ onThrow: 'remember', maxRunMs: 3_000 })
    const declined: Effect<never> = (op) =>
      new Promise((_, reject) => op.signal.addEventListener('abort', () => reject(new Error('declined'))))
    const first = once('a', declined).catch((error: Error) => error.message)
    await runtime.advance(6_000)
    expect(await first).toBe('declined')
    await expect(once('a', () => 'done')).rejects.toThrow('declined')
  })

  it('is remembered with an error of ours where a function says so, which knows what the effect does', async () => {
    const { once, runtime } = engine({ onThrow: () => 'remember', maxRunMs: 3_000 })
    const first = codeOf(once('a', stoppable))
    await runtime.advance(6_000)
    expect(await first).toBe('LEASE_LOST')
    expect(await once.attempt('a', () => 'done')).toMatchObject({ kind: 'failed', replayed: true })
  })

  it('answers with the result of the one that took it over, when that is there', async () => {
    const { once, open, runtime } = engine({}, always('renew', { kind: 'lose-request' }))
    const first = once.attempt('a', async (op) => {
      await new Promise((stop) => op.signal.addEventListener('abort', stop))
      expect(await open()('a', () => 'second')).toBe('second')
      throw new Error('stopped')
    })
    await runtime.advance(3_600)
    expect(await first).toEqual({ kind: 'replayed', value: 'second' })
  })

  it('is given back where it holds a lock, which promises nothing', async () => {
    const { once, runtime } = engine({ maxRunMs: 3_000 })
    const first = codeOf(once.exclusive('a', stoppable))
    await runtime.advance(3_600)
    expect(await first).toBe('LEASE_LOST')
    expect(await once.exclusive('a', () => 'next')).toBe('next')
  })
})

describe('an owner without its lease', () => {
  it('answers with what somebody decided meanwhile, and so does its cache', async () => {
    const cache = { maxBytes: 100_000, maxAgeMs: 60_000 }
    const { once, open, store, runtime } = engine({ cache }, always('renew', { kind: 'lose-request' }))
    const { started, effect } = gate<string>()
    const slow = once.attempt('a', effect)
    await runtime.advance(3_500)
    const { items } = await store.list({ limit: 1 })
    const { id, owner, fence } = items[0] as (typeof items)[0]
    await store.complete([{ lease: { id, owner, fence }, result: storedValue('operator'), retentionMs: 60_000 }])
    started[0]?.resolve('late owner')
    const operator = { kind: 'replayed', value: 'operator' }
    expect(await slow).toEqual(operator)
    expect(await once.attempt('a', effect)).toEqual(operator)
    expect(await open({ cache: false }).attempt('a', effect)).toEqual(operator)
  })

  it('begins no further step once the store has said so', async () => {
    const { once, runtime } = engine({ leaseMs: 30_000 })
    const { started, effect } = gate<void>()
    const seen: unknown[] = []
    const slow = codeOf(
      once('a', async (op) => {
        await effect()
        await op.step('one', () => 1).catch(() => {})
        seen.push(op.signal.aborted)
        await op.step('charge', () => seen.push('charged'))
      }),
    )
    await runtime.advance(0)
    await once.forget('a')
    started[0]?.resolve()
    expect(await slow).toBe('LEASE_LOST')
    expect(seen).toEqual([true])
    expect(runtime.pending).toBe(0)
  })

  it('gives back what it was granted so late that it had to ask, and could not', async () => {
    const { once, open, runtime } = engine({ leaseMs: 300, onAbandoned: 'hold' }, (verb, call) => {
      if (verb === 'claim' && call === 1) return { kind: 'delay-reply', ms: 400 }
      return verb === 'renew' ? { kind: 'lose-request' } : undefined
    })
    const first = codeOf(once('a', () => expect.fail('ran')))
    await runtime.advance(3_000)
    expect(await first).toBe('STORE_UNAVAILABLE')
    expect(await open().attempt('a', () => 'next')).toMatchObject({ kind: 'executed', value: 'next' })
  })
})
