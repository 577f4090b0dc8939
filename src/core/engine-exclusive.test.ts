import { describe, expect, it } from 'vitest'
import { setup } from '../../test/atomic-kit.ts'
import { engine, gate } from '../../test/engine-kit.ts'
import { codeOf, refusal } from '../../test/support/rejections.ts'

describe('exclusive', () => {
  it('lets one effect at a time run, remembers nothing, and answers with the effect’s own value', async () => {
    const { once, runtime } = engine()
    const { started, effect } = gate<object>()
    const first = once.exclusive('a', effect)
    await runtime.advance(0)
    expect(await refusal(once.exclusive('a', () => 2))).toMatchObject({ code: 'IN_FLIGHT', retryable: true })
    const own = {}
    started[0]?.resolve(own)
    expect(await first).toBe(own)
    expect(await once.exclusive('a', () => 3)).toBe(3)
  })

  it('never meets the keys of the other calls', async () => {
    const { once } = engine()
    expect(await once('a', () => once.exclusive('a', () => 1))).toBe(1)
    expect(
      await once.exclusive({ key: 'b', scope: 'one' }, () => once.exclusive({ key: 'b', scope: 'two' }, () => 2)),
    ).toBe(2)
    const same = once.exclusive({ key: 'b', scope: 'one' }, () => once.exclusive({ key: 'b', scope: 'one' }, () => 2))
    expect(await refusal(same)).toMatchObject({ code: 'IN_FLIGHT' })
    const named = { key: 'c', scope: 'one' }
    expect(await once(named, () => once.exclusive(named, () => 3))).toBe(3)
    expect(await once(named, () => 4)).toBe(3)
  })

  it('takes null for no options, as the other calls do', async () => {
    const { once } = engine()
    expect(await once.exclusive('a', () => 1, null as never)).toBe(1)
    const { once: transactional } = await setup()
    expect(await transactional.atomic('a', () => 1, null as never)).toBe(1)
    expect(await codeOf(transactional.atomic.batch(Array(2) as never, () => 1))).toBe('KEY_MISSING')
  })

  it.each([5_000, '5s', true])(
    'refuses %j in the place of options, which some locks take for a time',
    async (given) => {
      const { once } = engine()
      const error = await refusal(once.exclusive('a', () => expect.fail('ran'), given as never))
      expect(error).toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining('must be an object') })
    },
  )

  it.each([null, undefined, 7, {}])('does not run the effect for the key %j', async (key) => {
    const { once } = engine()
    const error = await refusal(once.exclusive(key as never, () => expect.fail('ran')))
    expect(error.code).toMatch(/^KEY_/)
  })

  it.each(['', 'tenant-undefined', {}, '!lock:x', 'x'.repeat(400)])('refuses the scope %j', async (scope) => {
    const { once } = engine()
    const error = await refusal(once.exclusive({ key: 'a', scope: scope as string }, () => expect.fail('ran')))
    expect(error).toMatchObject({ code: 'OPTION_INVALID' })
  })

  it('does not say that nothing has changed where the lock cannot be given back after the effect', async () => {
    const { once, runtime } = engine({}, (verb) => (verb === 'release' ? { kind: 'lose-request' } : undefined))
    const error = refusal(once.exclusive('a', () => 1))
    await runtime.advance(1_000)
    expect(await error).toMatchObject({ code: 'OUTCOME_UNKNOWN', retryable: false })
    expect(await refusal(once.exclusive('a', () => 2))).toMatchObject({ code: 'IN_FLIGHT' })
    await runtime.advance(3_000)
    let ran = false
    const again = refusal(
      once.exclusive('a', () => {
        ran = true
      }),
    )
    await runtime.advance(1_000)
    await again
    expect(ran).toBe(true)
  })

  it('runs the effect of one who waited for a lock that could not be given back, once that runs out', async () => {
    const { once, runtime } = engine({ onInFlight: 'wait', waitMs: 60_000 }, (verb, call) =>
      verb === 'release' && call <= 3 ? { kind: 'lose-request' } : undefined,
    )
    const { started, effect } = gate<number>()
    const first = codeOf(once.exclusive('a', effect))
    await runtime.advance(0)
    const second = codeOf(once.exclusive('a', () => 2))
    await runtime.advance(10)
    started[0]?.resolve(1)
    await runtime.advance(10_000)
    expect([await first, await second]).toEqual(['OUTCOME_UNKNOWN', 'resolved with 2'])
  })

  it('names the option that is wrong', async () => {
    const { once } = engine()
    const error = await refusal(once.exclusive('a', () => 1, { leaseMs: -1 }))
    expect(error.message).toContain('option `leaseMs` must be a positive integer')
  })

  it('leaves nothing behind for longer than its lease and as long again', async () => {
    const { once, runtime, store } = engine()
    await once.exclusive('a', () => 1)
    await once.exclusive('b', () => 1, { leaseMs: 5_000 })
    await once.exclusive('c', () => 1, { retentionMs: 8_000 })
    const removed: [number, number][] = []
    for (const ms of [5_999, 1, 3_999, 1, 999, 1]) {
      await runtime.advance(ms)
      removed.push([runtime.elapsed(), await store.sweep(10)])
    }
    expect(removed).toEqual([
      [5_999, 0],
      [6_000, 1],
      [9_999, 0],
      [10_000, 1],
      [10_999, 0],
      [11_000, 1],
    ])
  })

  it('tells what it does as the other calls do', async () => {
    const { once, runtime, events } = engine()
    await runtime.advance(1_000)
    const { started, effect } = gate<number>()
    const held = once.exclusive('a', effect)
    await runtime.advance(40)
    started[0]?.resolve(1)
    await held
    expect(events).toMatchObject([
      { type: 'claimed', attempt: 1, tookMs: 0 },
      { type: 'executed', attempt: 1, fence: expect.any(Number), tookMs: 40 },
    ])
  })

  it('forgets the steps of the holder before', async () => {
    const { once, store } = engine()
    expect(await once.exclusive('a', (op) => op.step('one', () => 1))).toBe(1)
    expect(await once.exclusive('a', (op) => op.step('one', () => 2))).toBe(2)
    const [record] = (await store.list({ limit: 10 })).items
    expect(record?.steps).toEqual([])
  })

  it('gives the lock back when the effect throws', async () => {
    const { once } = engine({ onThrow: 'remember', onAbandoned: 'hold' })
    await expect(once.exclusive('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await once.exclusive('a', () => 1)).toBe(1)
  })

  it('tells the owner when the lock was taken over meanwhile', async () => {
    const { once, open, runtime, events } = engine({ onAbandoned: 'hold' }, (verb) =>
      verb === 'renew' ? { kind: 'lose-request' } : undefined,
    )
    await runtime.advance(1_000)
    const { started, effect } = gate<number>()
    const slow = refusal(once.exclusive('a', effect))
    await runtime.advance(3_000)
    expect(await open().exclusive('a', () => 2)).toBe(2)
    started[0]?.resolve(1)
    const error = await slow
    expect(error).toMatchObject({ code: 'LEASE_LOST', message: expect.stringContaining('another owner held the lock') })
    expect(error).not.toHaveProperty('cause')
    const lost = { type: 'lease-lost', fence: expect.any(Number), heldMs: 3_000, scope: expect.any(String), key: 'a' }
    expect(events).toContainEqual(lost)
  })
})
