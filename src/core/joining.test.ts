import { describe, expect, it } from 'vitest'
import { always, engine, gate } from '../../test/engine-kit.ts'
import { codeOf } from '../../test/support/rejections.ts'

/** An engine that counts what reaches its store. */
function counted(given: Parameters<typeof engine>[0] = {}) {
  const calls: string[] = []
  const kit = engine(given, (verb) => {
    calls.push(verb)
    return undefined
  })
  return { ...kit, calls }
}

describe('duplicates in one process', () => {
  it('are refused while the first one runs, with the time the lease still has', async () => {
    const { once, runtime, calls, events } = counted()
    const { started, effect } = gate<number>()
    const first = once('a', effect)
    await runtime.advance(500)
    const error = await once('a', () => 2).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'IN_FLIGHT', retryable: true, retryAfterMs: 2_500 })
    expect((error as Error).message).toContain('ask again in 2500 ms')
    expect(await once.attempt('a', () => 2)).toEqual({ kind: 'in-flight', retryAfterMs: 2_500 })
    expect(calls).toEqual(['claim'])
    expect(events.at(-1)).toEqual({ type: 'in-flight', retryAfterMs: 2_500, scope: 'test', key: 'a' })
    started[0]?.resolve(1)
    await first
  })

  it('join the flight when they wait, and cost the store nothing', async () => {
    const { once, runtime, calls, events } = counted({ onInFlight: 'wait' })
    const { started, effect } = gate<{ n: number }>()
    const all = Array.from({ length: 50 }, () => once('a', effect))
    await runtime.advance(0)
    started[0]?.resolve({ n: 1 })
    const answers = await Promise.all(all)
    expect(answers).toEqual(answers.map(() => ({ n: 1 })))
    expect(new Set(answers).size).toBe(50)
    expect(started).toHaveLength(1)
    expect(calls).toEqual(['claim', 'complete'])
    expect(events.filter((event) => event.type === 'replayed' && event.joined)).toHaveLength(49)
    expect(runtime.pending).toBe(0)
  })

  it('join also while the claim is still on its way', async () => {
    const { open, runtime } = engine()
    const once = open({}, { claim: { 1: { kind: 'delay-reply', ms: 100 } } })
    const first = once('a', () => 1)
    const second = codeOf(once('a', () => 2))
    await runtime.advance(100)
    expect(await first).toBe(1)
    expect(await second).toBe('IN_FLIGHT')
  })

  it('get the replay that the first one got, even when they would not wait', async () => {
    const { once, open, runtime } = engine()
    await once('a', () => 1)
    const slow = open({}, { claim: { 1: { kind: 'delay-reply', ms: 100 } } })
    const both = Promise.all([slow.attempt('a', () => 2), slow.attempt('a', () => 2)])
    await runtime.advance(100)
    expect(await both).toEqual([
      { kind: 'replayed', value: 1 },
      { kind: 'replayed', value: 1 },
    ])
  })

  it('take over one after the other when the first one fails', async () => {
    const { once, runtime } = engine({ onInFlight: 'wait' })
    const { started, effect } = gate<number>()
    const all = [1, 2, 3].map(() => codeOf(once('a', effect)))
    await runtime.advance(0)
    started[0]?.reject('first')
    await runtime.advance(0)
    expect(started).toHaveLength(2)
    started[1]?.resolve(2)
    expect(await Promise.all(all)).toEqual(['first', 'resolved with 2', 'resolved with 2'])
  })

  it('with another payload are told so at once while the bound one runs', async () => {
    const { once, runtime, calls } = counted()
    const { started, effect } = gate<number>()
    const first = once({ key: 'a', payload: 1 }, effect)
    await runtime.advance(0)
    expect(await once.attempt({ key: 'a', payload: 2 }, () => 2)).toEqual({ kind: 'mismatch' })
    expect(calls).toEqual(['claim'])
    started[0]?.resolve(1)
    await first
  })

  it('with the bound payload are not blamed for the other payload of the one before them', async () => {
    const { once, open, runtime, types } = engine()
    await once({ key: 'a', payload: 1 }, () => 1)
    let claims = 0
    const slow = open({}, (verb) => (verb === 'claim' && ++claims === 1 ? { kind: 'delay-reply', ms: 100 } : undefined))
    const wrong = slow.attempt({ key: 'a', payload: 2 }, () => 2)
    const alsoWrong = slow.attempt({ key: 'a', payload: 2 }, () => 2)
    const right = slow.attempt({ key: 'a', payload: 1 }, () => 3)
    await runtime.advance(100)
    expect(await wrong).toEqual({ kind: 'mismatch' })
    expect(await alsoWrong).toEqual({ kind: 'mismatch' })
    expect(await right).toEqual({ kind: 'replayed', value: 1 })
    expect(claims).toBe(2)
    expect(types().filter((type) => type === 'mismatch')).toHaveLength(2)
  })

  it('with the same wrong payload are told what the first one was told, without asking again', async () => {
    const { once, open, runtime } = engine()
    await once({ key: 'a', payload: 1 }, () => 1)
    let claims = 0
    const slow = open({}, (verb) => {
      if (verb === 'claim') claims++
      return verb === 'claim' ? { kind: 'delay-reply', ms: 100 } : undefined
    })
    const both = Promise.all([1, 2].map(() => slow.attempt({ key: 'a', payload: 2 }, () => 2)))
    await runtime.advance(100)
    expect(await both).toEqual([{ kind: 'mismatch' }, { kind: 'mismatch' }])
    expect(claims).toBe(1)
  })

  it('with another payload look for themselves when the store did not answer the first one', async () => {
    const { open, runtime } = engine()
    let down = true
    const once = open({}, (verb) => (verb === 'claim' && down ? { kind: 'lose-request' } : undefined))
    const first = codeOf(once({ key: 'a', payload: 1 }, () => 1))
    const second = once.attempt({ key: 'a', payload: 2 }, () => 2)
    void first.then(() => {
      down = false
    })
    await runtime.advance(1_000)
    expect(await first).toBe('STORE_UNAVAILABLE')
    expect(await second).toMatchObject({ kind: 'executed', value: 2 })
  })

  it('share the refusal of a store that is down, and do not each ask it again', async () => {
    const { open, runtime } = engine()
    let claims = 0
    const once = open({ onInFlight: 'wait' }, (verb) => {
      if (verb !== 'claim') return undefined
      claims++
      return { kind: 'lose-request' }
    })
    const all = [1, 2, 3].map(() => codeOf(once('a', () => 1)))
    await runtime.advance(1_000)
    expect(await Promise.all(all)).toEqual(['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE', 'STORE_UNAVAILABLE'])
    expect(claims).toBe(3)
  })

  it('look for themselves when the first one lost its lease', async () => {
    const { once, runtime } = engine({ onInFlight: 'wait', maxRunMs: 3_000 })
    const first = codeOf(once('a', () => new Promise(() => {})))
    const second = once('a', (op) => op.attempt)
    await runtime.advance(6_000)
    expect(await first).toBe('LEASE_LOST')
    expect(await second).toBe(2)
  })

  it('of a lock wait for their turn', async () => {
    const { once, runtime } = engine({ onInFlight: 'wait' })
    const { started, effect } = gate<number>()
    const all = [1, 2, 3].map(() => once.exclusive('a', effect))
    for (const turn of [0, 1, 2]) {
      await runtime.advance(0)
      expect(started).toHaveLength(turn + 1)
      started[turn]?.resolve(turn)
    }
    expect((await Promise.all(all)).sort()).toEqual([0, 1, 2])
  })

  it('are told what the first one is, when the store never answers', async () => {
    const { once, runtime } = engine({}, always('claim', { kind: 'hang', applied: false }))
    const all = Promise.all([1, 2, 3, 4].map(() => codeOf(once('a', () => 1))))
    await runtime.advance(10_000)
    expect(await all).toEqual(Array(4).fill('STORE_UNAVAILABLE'))
  })

  it('are told how long the lease still is, also after it was renewed', async () => {
    const { once, open, runtime } = engine()
    const { started, effect } = gate<number>()
    const slow = once('a', effect)
    await runtime.advance(10_500)
    const told = { kind: 'in-flight', retryAfterMs: 2_500 }
    expect([await once.attempt('a', effect), await open().attempt('a', effect)]).toEqual([told, told])
    started[0]?.resolve(1)
    await slow
  })

  it('wait no longer than waitMs', async () => {
    const { once, runtime } = engine({ onInFlight: 'wait', waitMs: 1_500 })
    await runtime.advance(1_000)
    const { started, effect } = gate<number>()
    const first = once('a', effect)
    const second = once.attempt('a', effect)
    const stranger = once.attempt('a', effect, { waitMs: 10 })
    await runtime.advance(10)
    expect(await stranger).toEqual({ kind: 'in-flight', retryAfterMs: 2_990 })
    await runtime.advance(1_490)
    expect(await second).toEqual({ kind: 'in-flight', retryAfterMs: 2_500 })
    started[0]?.resolve(1)
    await first
  })
})

it('a duplicate waits no longer than waitMs for a claim that is not answered', async () => {
  const { once, runtime } = engine({ onInFlight: 'wait', waitMs: 400, storeTimeoutMs: 2_000 }, (verb) =>
    verb === 'claim' ? { kind: 'delay-reply', ms: 1_500 } : undefined,
  )
  const first = codeOf(once('a', () => 1))
  await runtime.advance(100)
  const second = codeOf(once('a', () => 2))
  await runtime.advance(399)
  expect(await Promise.race([second, 'waits'])).toBe('waits')
  await runtime.advance(1)
  expect(await Promise.race([second, 'waits'])).toBe('IN_FLIGHT')
  await runtime.advance(10_000)
  await first
})
