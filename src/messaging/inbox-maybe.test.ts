import { describe, expect, it } from 'vitest'
import { all, kinds, several, shop } from '../../test/batch-kit.ts'
import { delivery } from '../../test/inbox-kit.ts'
import { counterId } from './records.ts'

const maybe = { redelivered: 'maybe' } as const

describe('a message that may have been delivered before', () => {
  it('rides in a batch when the store knows nothing of it, and no start of it is counted', async () => {
    const { batch, calls, store } = await shop()
    expect(
      kinds(
        await all(
          batch,
          several(3, () => maybe),
        ),
      ),
    ).toEqual(['ack', 'ack', 'ack'])
    expect(calls).toEqual([['m0', 'm1', 'm2']])
    const { items } = await store.list({ limit: 10 })
    expect(items.map(({ id }) => id)).not.toContain(counterId({ key: 'm0', scope: 'shop/inbox/coupons' }))
  })

  it('is not handled again when it was', async () => {
    const { batch, calls, receive } = await shop()
    await all(batch, several(2))
    expect(
      kinds(
        await all(
          batch,
          several(3, () => maybe),
        ),
      ),
    ).toEqual(['ack', 'ack', 'ack'])
    expect((await receive(delivery({ id: 'm0', ...maybe }))).kind).toBe('ack')
    expect(calls).toEqual([['m0', 'm1'], ['m2']])
  })

  it('goes alone when starts of it are counted', async () => {
    const bad = new Set(['m1'])
    const { batch, calls } = await shop({}, bad)
    await all(batch, [delivery({ id: 'm1', redelivered: true })])
    bad.clear()
    expect(
      kinds(
        await all(
          batch,
          several(3, () => maybe),
        ),
      ),
    ).toEqual(['ack', 'ack', 'ack'])
    expect(calls.slice(1).toSorted()).toEqual([['m0', 'm2'], ['m1']])
  })

  it.each([
    ['maybe', true],
    ['unknown', 'unknown'],
  ] as const)('has as many attempts as one that comes for the first time: %s, then %s', async (first, later) => {
    const { receive, calls } = await shop({ maxAttempts: 3 }, new Set(['m1']))
    const verdicts = []
    for (const redelivered of [first, later, later, later]) verdicts.push(await receive(delivery({ redelivered })))
    expect([kinds(verdicts), calls.length]).toEqual([['retry', 'retry', 'dead-letter', 'dead-letter'], 3])
  })
})
