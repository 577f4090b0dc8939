import { describe, expect, it } from 'vitest'
import { always, engine, gate } from '../../test/engine-kit.ts'
import { codeOf } from '../../test/support/rejections.ts'
import type { Fault, FaultyVerb } from '../testing/faulty-store.ts'
import { operationId } from './key.ts'

describe('the lease', () => {
  it('is renewed every third of it, for as long as the effect runs', async () => {
    const { once, open, runtime } = engine()
    const { started, effect } = gate<number>()
    const slow = once('a', effect)
    await runtime.advance(60_000)
    expect(await codeOf(open()('a', () => 2))).toBe('IN_FLIGHT')
    started[0]?.resolve(1)
    expect(await slow).toBe(1)
    expect(runtime.pending).toBe(0)
  })

  it('is taken over when it runs out, and the slow owner answers with the result of its successor', async () => {
    const { once, open, runtime, types } = engine({}, always('renew', { kind: 'lose-request' }))
    const { started, effect } = gate<string>()
    const slow = once.attempt('a', effect)
    await runtime.advance(2_999)
    expect(await codeOf(open()('a', () => 2))).toBe('IN_FLIGHT')
    await runtime.advance(1)
    const successor = await open().attempt('a', (op) => `attempt ${op.attempt}`)
    expect(successor).toMatchObject({ kind: 'executed', value: 'attempt 2', attempt: 2 })
    started[0]?.resolve('stale')
    expect(await slow).toEqual({ kind: 'replayed', value: 'attempt 2' })
    expect(types()).toContain('abandoned')
    expect(types()).toContain('lease-lost')
    expect(types().filter((type) => type === 'executed')).toHaveLength(1)
  })

  it('that ran out but was not taken over still lets its owner complete', async () => {
    const { once, runtime } = engine({}, always('renew', { kind: 'lose-request' }))
    const { started, effect } = gate<number>()
    const slow = once('a', effect)
    await runtime.advance(3_500)
    started[0]?.resolve(1)
    expect(await slow).toBe(1)
  })

  it('aborts the one signal there is, also when the effect first asks for it after the loss', async () => {
    const { once, runtime } = engine({ maxRunMs: 3_000 })
    const { started, effect } = gate<void>()
    let early: AbortSignal[] = []
    const slow = once.attempt('a', async (op) => {
      early = [op.signal, op.signal]
      await effect()
    })
    let late: unknown
    const other = once.attempt('b', async (op) => {
      await effect()
      late = op.signal.reason
    })
    await runtime.advance(3_500)
    expect(early.map((signal) => signal.aborted)).toEqual([true, true])
    for (const one of started) one.resolve()
    await Promise.all([slow, other])
    expect(late).toMatchObject({ code: 'LEASE_LOST', message: expect.stringContaining('longer than maxRunMs') })
  })

  it('aborts the signal when it is lost, with LEASE_LOST as the reason', async () => {
    const { once, open, runtime } = engine({}, always('renew', { kind: 'lose-request' }))
    const signals: AbortSignal[] = []
    const { started, effect } = gate<number>()
    const slow = codeOf(
      once('a', (op) => {
        signals.push(op.signal)
        return effect()
      }),
    )
    await runtime.advance(2_999)
    expect(signals[0]?.aborted).toBe(false)
    await runtime.advance(1_000)
    expect(signals[0]?.reason).toMatchObject({
      code: 'LEASE_LOST',
      message: expect.stringContaining('could not be reached'),
    })
    const second = gate<number>()
    const next = open()('a', second.effect)
    await runtime.advance(0)
    started[0]?.reject(signals[0]?.reason)
    expect(await slow).toBe('LEASE_LOST')
    second.started[0]?.resolve(2)
    expect(await next).toBe(2)
  })

  it('is no longer renewed after maxRunMs, so that a hung effect holds neither the key nor its caller', async () => {
    const { once, open, runtime, events } = engine({ maxRunMs: 5_000 })
    await runtime.advance(1_000)
    const hung = codeOf(once('a', () => new Promise(() => {})))
    await runtime.advance(5_000)
    expect(await codeOf(open()('a', () => 2))).toBe('IN_FLIGHT')
    await runtime.advance(3_000)
    expect(await hung).toBe('LEASE_LOST')
    const about = { scope: 'test', key: 'a' }
    expect(events).toContainEqual({ type: 'lease-lost', fence: expect.any(Number), heldMs: 8_000, ...about })
    expect(await open()('a', () => 2)).toBe(2)
    expect(runtime.pending).toBe(0)
  })

  it('is not given back while a left-behind effect may still be running', async () => {
    const { once, runtime, store } = engine({ leaseMs: 3_000, maxRunMs: 3_000 })
    const hung = codeOf(once('a', () => new Promise(() => {})))
    await runtime.advance(6_000)
    expect(await hung).toBe('LEASE_LOST')
    const [record] = await store.find([operationId('test', 'a')])
    expect(record?.state).toBe('running')
  })

  it('is checked again when the answer to the claim was under way for a whole lease', async () => {
    const late = (verb: FaultyVerb, call: number): Fault | undefined =>
      verb === 'claim' && call === 1 ? { kind: 'delay-reply', ms: 400 } : undefined
    const { once, open, runtime } = engine({ leaseMs: 300, storeTimeoutMs: 1_000 }, late)
    let ran = false
    const slow = once.attempt('a', () => {
      ran = true
    })
    await runtime.advance(350)
    expect(await open()('a', () => 'other')).toBe('other')
    await runtime.advance(100)
    expect(await slow).toEqual({ kind: 'replayed', value: 'other' })
    expect(ran).toBe(false)
  })

  it.each([
    [299, ['claim', 'complete']],
    [300, ['claim', 'renew', 'complete']],
    [400, ['claim', 'renew', 'complete']],
  ])('is used when that claim, %d ms late, is still ours', async (ms, verbs) => {
    const asked: FaultyVerb[] = []
    const { once, runtime, events } = engine({ leaseMs: 300, storeTimeoutMs: 1_000 }, (verb) => {
      asked.push(verb)
      return verb === 'claim' ? { kind: 'delay-reply', ms } : undefined
    })
    await runtime.advance(1_000)
    const slow = once('a', () => 1)
    await runtime.advance(ms)
    expect(await slow).toBe(1)
    expect(asked).toEqual(verbs)
    expect(events[0]).toMatchObject({ type: 'claimed', tookMs: ms })
  })
})
