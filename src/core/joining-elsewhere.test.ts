import { describe, expect, it } from 'vitest'
import { engine, gate } from '../../test/engine-kit.ts'

describe('duplicates in another process', () => {
  it('are woken by the store when it can notify', async () => {
    const { once, open, runtime } = engine()
    const { started, effect } = gate<number>()
    const first = once('a', effect)
    await runtime.advance(0)
    const waiting = open({ onInFlight: 'wait' }).attempt('a', () => 2)
    await runtime.advance(2)
    started[0]?.resolve(1)
    await runtime.advance(0)
    expect(await waiting).toEqual({ kind: 'replayed', value: 1 })
    await first
    expect(runtime.pending).toBe(0)
  })

  it('leave no watch behind, and tell that the store has answered them', async () => {
    const { once, open, runtime, store, events } = engine()
    const { started, effect } = gate<number>()
    const first = once('a', effect)
    await runtime.advance(0)
    let watching = 0
    const watch: typeof store.watch = (id, wake) => {
      watching++
      const leave = store.watch?.(id, wake)
      return () => {
        watching--
        leave?.()
      }
    }
    const waiting = open({ store: { ...store, watch } as never, onInFlight: 'wait' }).attempt('a', () => 2)
    await runtime.advance(2)
    expect(watching).toBe(1)
    await runtime.advance(1_000)
    expect(watching).toBe(1)
    started[0]?.resolve(1)
    await runtime.advance(0)
    expect(await waiting).toEqual({ kind: 'replayed', value: 1 })
    expect(watching).toBe(0)
    await first
    // Which of the two engines is told first is a matter of turns.
    const told = events.filter(({ type }) => type === 'replayed')
    expect(told).toMatchObject([{ joined: false }])
  })

  it('poll when watching fails', async () => {
    const { once, open, runtime, store } = engine()
    const { started, effect } = gate<number>()
    const first = once('a', effect)
    await runtime.advance(0)
    const watch = () => {
      throw new Error('no connection to listen on')
    }
    const waiting = open({ store: { ...store, watch } as never, onInFlight: 'wait' }).attempt('a', () => 2)
    await runtime.advance(2)
    started[0]?.resolve(1)
    await runtime.advance(20)
    expect(await waiting).toEqual({ kind: 'replayed', value: 1 })
    await first
    expect(runtime.pending).toBe(0)
  })

  it('poll, spread out and ever more rarely, when it cannot', async () => {
    const { once, open, runtime, store } = engine()
    const { started, effect } = gate<number>()
    const first = once('a', effect)
    await runtime.advance(0)
    const asked: number[] = []
    const deaf = { ...store, watch: undefined }
    const claim = store.claim
    deaf.claim = (requests) => {
      asked.push(runtime.elapsed())
      return claim(requests)
    }
    const waiting = open({ store: deaf as never, onInFlight: 'wait', waitMs: 5_000 }).attempt('a', () => 2)
    await runtime.advance(4_000)
    const pauses = asked.slice(1).map((at, index) => at - (asked[index] as number))
    expect(pauses[0]).toBeGreaterThanOrEqual(10)
    expect(pauses[0]).toBeLessThanOrEqual(20)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(1_000)
    expect(asked.length).toBeLessThan(20)
    started[0]?.resolve(1)
    await runtime.advance(1_000)
    expect(await waiting).toEqual({ kind: 'replayed', value: 1 })
    await first
  })

  it('are there when the lease of a dead owner runs out', async () => {
    const { open, runtime } = engine()
    const dead = open({}, (verb) => (verb === 'renew' ? { kind: 'lose-request' } : undefined))
    void dead.attempt('a', () => new Promise(() => {})).catch(() => {})
    await runtime.advance(1_000)
    const begun = open({ onInFlight: 'wait' })('a', () => runtime.elapsed())
    await runtime.advance(2_100)
    expect(await begun).toBeGreaterThanOrEqual(3_000)
    expect(await begun).toBeLessThan(3_003)
  })

  it('give up at waitMs with the time the lease still has', async () => {
    const { once, open, runtime } = engine()
    const { started, effect } = gate<number>()
    const first = once('a', effect)
    await runtime.advance(0)
    const waiting = open({ onInFlight: 'wait', waitMs: 700 }).attempt('a', () => 2)
    const follower = open({ onInFlight: 'wait', waitMs: 700 }).attempt('a', () => 2)
    await runtime.advance(700)
    for (const outcome of [await waiting, await follower]) {
      expect(outcome.kind).toBe('in-flight')
      expect((outcome as { retryAfterMs: number }).retryAfterMs - 2_300).toBeOneOf([0, 1])
    }
    started[0]?.resolve(1)
    await first
  })

  it('are refused at once when they would not wait, also beside one that waits', async () => {
    const { once, open, runtime } = engine()
    const { started, effect } = gate<number>()
    const first = once('a', effect)
    await runtime.advance(500)
    const other = open()
    const waiting = other('a', () => 2, { onInFlight: 'wait' })
    await runtime.advance(0)
    expect(await other.attempt('a', () => 2)).toEqual({ kind: 'in-flight', retryAfterMs: 2_500 })
    started[0]?.resolve(1)
    await runtime.advance(100)
    expect(await waiting).toBe(1)
    await first
  })
})
