import { describe, expect, it } from 'vitest'
import { insert, setup } from '../../test/atomic-kit.ts'
import { gate } from '../../test/engine-kit.ts'
import { codeOf } from '../../test/support/rejections.ts'
import type { EngineOptions } from './options.ts'

describe('once.atomic', () => {
  it('joins duplicates in this process', async () => {
    const { once, runtime, count, events } = await setup()
    await runtime.advance(1_000)
    const { started, effect } = gate<number>()
    const first = once.atomic('a', async (tx) => {
      insert('a')(tx)
      return effect()
    })
    await runtime.advance(500)
    expect(await once.atomic.attempt('a', insert('a'))).toEqual({ kind: 'in-flight', retryAfterMs: 1_000 })
    const waiting = once.atomic('a', insert('a'), { onInFlight: 'wait' })
    started[0]?.resolve(1)
    expect(await first).toBe(1)
    expect(await waiting).toBe(1)
    expect(await count('a')).toBe(1)
    expect(events.find((event) => event.type === 'executed')).toMatchObject({ tookMs: 500 })
  })

  describe('with another payload, while it is not committed', () => {
    async function uncommitted(given: Partial<EngineOptions> = {}) {
      const kit = await setup()
      const { started, effect } = gate<number>()
      await kit.runtime.advance(1_000)
      const first = codeOf(kit.once.atomic({ key: 'a', payload: 1 }, effect))
      await kit.runtime.advance(500)
      const second = kit.once.atomic.attempt({ key: 'a', payload: 2 }, insert('a'), given as object)
      return { ...kit, first, second, effect: started[0] }
    }

    it('is in flight to who would not wait: nothing is bound yet', async () => {
      const { first, second, effect } = await uncommitted()
      expect(await second).toEqual({ kind: 'in-flight', retryAfterMs: 1_000 })
      effect?.resolve(1)
      await first
    })

    it('is a mismatch for who waited, once it is committed', async () => {
      const { first, second, effect } = await uncommitted({ onInFlight: 'wait' })
      effect?.resolve(1)
      expect(await first).toBe('resolved with 1')
      expect(await second).toEqual({ kind: 'mismatch' })
    })

    it('leaves the key to who waited, when it is undone', async () => {
      const { first, second, effect } = await uncommitted({ onInFlight: 'wait' })
      effect?.reject('undone')
      expect(await first).toBe('undone')
      expect(await second).toMatchObject({ kind: 'executed', value: { key: 'a' } })
    })

    it('keeps nobody waiting for longer than waitMs', async () => {
      const { runtime, first, second, effect } = await uncommitted({ onInFlight: 'wait', waitMs: 700 })
      let over = false
      void second.then(() => {
        over = true
      })
      await runtime.advance(699)
      expect(over).toBe(false)
      await runtime.advance(1)
      expect(over).toBe(true)
      expect(await second).toEqual({ kind: 'in-flight', retryAfterMs: 1_000 })
      effect?.resolve(1)
      await first
    })
  })

  it('is no mismatch where a rival holds the row, whose payload nobody has seen', async () => {
    const { once, store, runtime } = await setup()
    const within = store.within
    const waiting: (() => void)[] = []
    store.within = (tx) => ({
      ...within(tx),
      claim: async () => {
        await new Promise<void>((over) => waiting.push(over))
        return { kind: 'running', retryAfterMs: 1_000 }
      },
    })
    const wrong = once.atomic.attempt({ key: 'a', payload: 'wrong' }, insert('a'))
    await runtime.advance(0)
    const right = once.atomic.attempt({ key: 'a', payload: 'right' }, insert('a'))
    await runtime.advance(10)
    waiting[0]?.()
    expect([await wrong, await right]).toEqual(Array(2).fill({ kind: 'in-flight', retryAfterMs: 1_000 }))
  })

  it('is a mismatch at once where a replay of it is under way', async () => {
    const { once, open, runtime } = await setup()
    await once.atomic({ key: 'a', payload: 1 }, insert('a'))
    const slow = open({}, { transaction: { 1: { kind: 'delay-reply', ms: 100 } } })
    const replay = slow.atomic.attempt({ key: 'a', payload: 1 }, insert('a'))
    await runtime.advance(10)
    expect(await slow.atomic.attempt({ key: 'a', payload: 2 }, insert('a'))).toEqual({ kind: 'mismatch' })
    await runtime.advance(100)
    expect(await replay).toMatchObject({ kind: 'replayed' })
  })
})
