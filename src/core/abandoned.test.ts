import { describe, expect, it } from 'vitest'
import { always, engine, gate } from '../../test/engine-kit.ts'
import { codeOf } from '../../test/support/rejections.ts'
import { operationId } from './key.ts'
import type { EngineOptions } from './options.ts'

describe('an abandoned operation', () => {
  /** Leaves one behind: claimed by an owner that never says another word. */
  async function abandon(given = {}) {
    const kit = engine(given)
    const { effect } = gate()
    void kit
      .open({}, always('renew', { kind: 'lose-request' }))
      .attempt({ key: 'a', payload: 1 }, effect)
      .catch(() => {})
    await kit.runtime.advance(3_000)
    return { ...kit, key: { key: 'a', payload: 1 } }
  }

  it('runs again under the policy retry', async () => {
    const { once, key, events } = await abandon()
    expect(await once(key, (op) => [op.attempt, op.starts])).toEqual([2, 2])
    expect(events).toContainEqual({ type: 'abandoned', attempt: 2, policy: 'retry', scope: 'test', key: 'a' })
  })

  it('is held under the policy hold until an operator resolves it', async () => {
    const { once, key, types, events, runtime } = await abandon({ onAbandoned: 'hold' })
    const never = () => expect.fail('ran')
    const held = await once(key, never).catch((error: unknown) => error)
    expect(held).toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      message: expect.stringMatching(/"a" was abandoned.*resolve it/),
    })
    expect(await once.attempt(key, never)).toEqual({ kind: 'unknown' })
    expect(await once.find(key)).toMatchObject({ state: 'unknown' })
    expect(types().filter((type) => type === 'unknown')).toHaveLength(1)
    const waiting = { type: 'replayed', result: 'unknown', joined: false, scope: 'test', key: 'a' }
    expect(events.filter(({ type }) => type === 'replayed')).toEqual([waiting, waiting])
    await runtime.advance(365 * 86_400_000)
    expect(await codeOf(once(key, never))).toBe('OUTCOME_UNKNOWN')
  })

  it('is settled by reconcile with the value it tells, without running the effect', async () => {
    let asked: unknown
    const { once, key, events, types } = await abandon({
      onAbandoned: (op: object) => {
        asked = op
        return { happened: true, value: { charge: 'ch_1' } }
      },
    })
    expect(await once.attempt(key, () => expect.fail('ran'))).toEqual({ kind: 'replayed', value: { charge: 'ch_1' } })
    expect(asked).toMatchObject({ scope: 'test', key: 'a', attempt: 2, fence: expect.any(Number) })
    expect((asked as { child(name: string): string }).child('x')).toBe(operationId(operationId('test', 'a'), 'x'))
    expect(events).toContainEqual(expect.objectContaining({ type: 'abandoned', policy: 'reconcile' }))
    expect(types()).not.toContain('unknown')
    expect(await once(key, () => expect.fail('ran'))).toEqual({ charge: 'ch_1' })
  })

  it('does not run any more when the lease was lost while reconcile took its time', async () => {
    const kit = await abandon()
    const { started, effect } = gate<{ happened: false }>()
    const slow = codeOf(
      kit
        .open({ onAbandoned: effect }, always('renew', { kind: 'lose-request' }))
        .attempt(kit.key, () => expect.fail('ran')),
    )
    await kit.runtime.advance(3_500)
    started[0]?.resolve({ happened: false })
    expect(await slow).toBe('LEASE_LOST')
    expect(await kit.once(kit.key, () => 'ran')).toBe('ran')
  })

  it('runs when reconcile says it did not happen', async () => {
    const { once, key } = await abandon({ onAbandoned: async () => ({ happened: false }) })
    expect(await once(key, () => 'ran')).toBe('ran')
  })

  it.each([true, {}, 'yes', { happened: 'no' }, undefined, null])(
    'does not run when reconcile answers %j',
    async (answer) => {
      const { once, key } = await abandon({ onAbandoned: () => answer as { happened: boolean } })
      await expect(once(key, () => expect.fail('ran'))).rejects.toMatchObject({
        code: 'OUTCOME_UNKNOWN',
        message: expect.stringMatching(/"a" happened .*neither \{ happened: true \} nor/),
      })
      expect(await once.find(key)).not.toMatchObject({ state: 'done' })
    },
  )

  it('is not settled with a value under another name, which the compiler lets pass', async () => {
    const charges = new Map([['a', 'ch_1']])
    const answers: EngineOptions['onAbandoned'][] = [
      async (op) => ({ happened: true, result: charges.get(op.key) }),
      async (op) => (charges.has(op.key) ? { happened: true, charge: charges.get(op.key) } : { happened: false }),
    ]
    for (const onAbandoned of answers) {
      const { once, key } = await abandon({ onAbandoned })
      await expect(once(key, () => expect.fail('ran'))).rejects.toMatchObject({
        code: 'OUTCOME_UNKNOWN',
        message: expect.stringMatching(/"a" happened .*"(?:result|charge)" in the place of `value`/),
      })
      expect(await once.find(key)).not.toMatchObject({ state: 'done' })
    }
  })

  it.each([{ happened: true }, { happened: true, value: undefined, at: 5 }])(
    'is settled without a result by %j',
    async (answer) => {
      const { once, key } = await abandon({ onAbandoned: () => answer as { happened: true } })
      expect(await once.attempt(key, () => expect.fail('ran'))).toEqual({ kind: 'replayed', value: undefined })
    },
  )

  it('stays abandoned when reconcile cannot tell, or when the retry fails', async () => {
    const down = new Error('gateway down')
    let answer: () => { happened: boolean } = () => {
      throw down
    }
    let asked = 0
    const { once, key } = await abandon({
      onAbandoned: () => {
        asked++
        return answer()
      },
    })
    const unknown = await once(key, () => expect.fail('ran')).catch((error: unknown) => error)
    expect(unknown).toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      message: expect.stringContaining('gateway down'),
      cause: down,
    })
    answer = () => ({ happened: false })
    expect(await codeOf(once(key, () => Promise.reject('no')))).toBe('no')
    expect(await once(key, (op) => op.attempt)).toBe(2)
    expect(asked).toBe(3)
  })
})
