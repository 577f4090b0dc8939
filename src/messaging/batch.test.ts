import { describe, expect, it } from 'vitest'
import { all, kinds, type Options, several, shop } from '../../test/batch-kit.ts'
import { delivery } from '../../test/inbox-kit.ts'
import { onlyonce } from '../core/engine.ts'
import type { Delivery, Verdict } from './delivery.ts'
import { inbox, Unprocessable } from './inbox.ts'

describe('a batch of messages', () => {
  it('is handled by one call, in one transaction, in the order of delivery', async () => {
    const { batch, calls, effects } = await shop()
    const verdicts = await all(batch, several(50))
    expect(new Set(kinds(verdicts))).toEqual(new Set(['ack']))
    const ids = several(50).map(({ id }) => id)
    expect(calls).toEqual([ids])
    expect(await effects()).toEqual(ids)
  })

  it('leaves out what was handled before, and copies within the batch', async () => {
    const { batch, calls, receive } = await shop()
    await receive(delivery({ id: 'm1' }))
    const deliveries = [...several(3), delivery({ id: 'm0' }), delivery({ id: 'm1', redelivered: true })]
    expect(kinds(await all(batch, deliveries))).toEqual(['ack', 'ack', 'ack', 'ack', 'ack'])
    expect(calls).toEqual([['m1'], ['m0', 'm2']])
  })

  it('parks another body under the same id, and what is no message, without holding up the rest', async () => {
    const { batch, calls } = await shop()
    const deliveries = [
      delivery({ id: 'a' }),
      delivery({ id: 'a', body: new Uint8Array([1]) }),
      delivery({ id: '' }),
      { ...delivery(), body: 'text' } as unknown as Delivery,
      delivery({ id: 'b' }),
    ]
    expect(kinds(await all(batch, deliveries))).toEqual(['ack', 'dead-letter', 'dead-letter', 'dead-letter', 'ack'])
    expect(calls).toEqual([['a', 'b']])
  })

  it.each([1, 2, 5])(
    'finds %i poisonous among 64 in a logarithmic number of tries; the rest take effect',
    async (count) => {
      const bad = new Set(Array.from({ length: count }, (_, index) => `m${index * 11 + 3}`))
      const { batch, calls, effects } = await shop({}, bad)
      const verdicts = await all(batch, several(64))
      const failed = verdicts.flatMap((verdict, index) => (verdict.kind === 'ack' ? [] : [`m${index}`]))
      expect(new Set(failed)).toEqual(bad)
      expect(verdicts[3]).toEqual({ kind: 'retry', delayMs: expect.any(Number), reason: 'cannot handle m3' })
      expect(await effects()).toEqual(several(64).flatMap(({ id }) => (bad.has(id) ? [] : [id])))
      expect(calls.length).toBeLessThanOrEqual(count * 2 * 6 + 1)
    },
  )

  it('takes a poisonous message the single way, with attempts, and parks it', async () => {
    const { batch } = await shop({ maxAttempts: 3 }, new Set(['m1']))
    const seen: Verdict[] = []
    seen.push((await all(batch, several(4)))[1] as Verdict)
    for (let i = 0; i < 3; i++) {
      const [other, verdict] = await all(batch, [
        delivery({ id: `other${i}` }),
        delivery({ id: 'm1', redelivered: true }),
        delivery({ id: `more${i}` }),
      ])
      expect(other?.kind).toBe('ack')
      seen.push(verdict as Verdict)
    }
    expect(kinds(seen)).toEqual(['retry', 'retry', 'dead-letter', 'dead-letter'])
    expect(seen[3]).toEqual({ kind: 'dead-letter', reason: 'cannot handle m1' })
  })

  it('parks at once what the handler calls unprocessable, alone', async () => {
    const handle: Options['handle'] = (messages) => {
      for (const { id } of messages) if (id === 'm2') throw new Unprocessable('no such customer')
    }
    const { batch } = await shop({ handle })
    const verdicts = await all(batch, several(5))
    expect(kinds(verdicts)).toEqual(['ack', 'ack', 'dead-letter', 'ack', 'ack'])
  })

  it('hands a single message over as a batch of one', async () => {
    const { batch, receive, calls } = await shop()
    await all(batch, several(1))
    await receive(delivery({ id: 'alone' }))
    expect(calls).toEqual([['m0'], ['alone']])
  })

  it('keeps messages with the same ordering key in order when an earlier one fails', async () => {
    const bad = new Set(['m2'])
    const { batch, effects } = await shop({}, bad)
    const keyed = several(8, (index) => (index % 2 === 0 ? { orderingKey: 'k' } : {}))
    const verdicts = await all(batch, keyed)
    expect(kinds(verdicts)).toEqual(['ack', 'ack', 'retry', 'ack', 'retry', 'ack', 'retry', 'ack'])
    expect(verdicts[4]).toMatchObject({ reason: expect.stringContaining('ordering key') })
    bad.clear()
    const again = [2, 4, 6].map((index) => ({ ...(keyed[index] as Delivery), redelivered: true }))
    expect(kinds(await all(batch, again))).toEqual(['ack', 'ack', 'ack'])
    expect((await effects()).filter((id) => Number(id.slice(1)) % 2 === 0)).toEqual(['m0', 'm2', 'm4', 'm6'])
  })

  it('goes on with the key of a message that was parked', async () => {
    const { batch, effects } = await shop({ maxAttempts: 1 }, new Set(['m1']))
    const verdicts = await all(
      batch,
      several(4, () => ({ orderingKey: 'k' })),
    )
    expect(kinds(verdicts)).toEqual(['ack', 'dead-letter', 'ack', 'ack'])
    expect(await effects()).toEqual(['m0', 'm2', 'm3'])
  })

  it('sends what is being handled elsewhere alone, and the rest together; its key waits for it', async () => {
    const { batch, calls, store, runtime, effects } = await shop({ holdMs: 100_000 })
    const other = onlyonce({ store, scope: 'shop', runtime, leaseMs: 30_000, maxRunMs: 30_000 })
    let finish = () => {}
    const elsewhere = inbox({
      once: other,
      name: 'coupons',
      delivers: 'at-least-once',
      handle: () =>
        new Promise<void>((resolve) => {
          finish = resolve
        }),
    })
    const held = elsewhere(delivery({ id: 'm1' }))
    await runtime.advance(1)
    const verdicts = batch.receive(several(5, (index) => (index > 0 && index < 4 ? { orderingKey: 'k' } : {})))
    expect(kinds(await Promise.all([verdicts[0], verdicts[4]] as Promise<Verdict>[]))).toEqual(['ack', 'ack'])
    expect(await effects()).toEqual(['m0', 'm4'])
    finish()
    await held
    await runtime.advance(2_000)
    expect(kinds(await Promise.all(verdicts))).toEqual(['ack', 'ack', 'ack', 'ack', 'ack'])
    expect(calls).toEqual([['m0', 'm4'], ['m2'], ['m3']])
  })

  it('retries all when the store does not answer, and nothing is lost', async () => {
    const { batch, store, calls } = await shop()
    const transaction = store.transaction.bind(store)
    Object.assign(store, { transaction: () => Promise.reject(new Error('no route to host')) })
    const verdicts = await all(batch, several(3))
    expect(kinds(verdicts)).toEqual(['retry', 'retry', 'retry'])
    Object.assign(store, { transaction })
    expect(kinds(await all(batch, several(3)))).toEqual(['ack', 'ack', 'ack'])
    expect(calls).toEqual([['m0', 'm1', 'm2']])
  })

  it('asks the store once for all that were redelivered', async () => {
    const { batch, store } = await shop()
    await all(batch, several(20))
    const find = store.find.bind(store)
    let finds = 0
    store.find = (ids) => {
      finds++
      return find(ids)
    }
    expect(
      new Set(
        kinds(
          await all(
            batch,
            several(20, () => ({ redelivered: true })),
          ),
        ),
      ),
    ).toEqual(new Set(['ack']))
    expect(finds).toBe(1)
  })
})

describe('the option batch', () => {
  it.each([
    ['delivers', { delivers: 'at-least-once' }],
    ['no maxSize', { batch: {} }],
    ['maxSize 0', { batch: { maxSize: 0 } }],
    ['maxSize 1 001', { batch: { maxSize: 1_001 } }],
    ['maxWaitMs -1', { batch: { maxSize: 2, maxWaitMs: -1 } }],
    ['maxWaitMs as long as visibilityMs', { batch: { maxSize: 2, maxWaitMs: 500 }, visibilityMs: 500 }],
    ['an unknown word', { batch: { maxSize: 2, size: 3 } }],
    ['no object', { batch: 50 }],
  ])('is refused with %s', async (_, given) => {
    const { options } = await shop()
    const refused = () => inbox({ ...options, ...given } as Options)
    expect(refused).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })

  it('changes nothing where messages are only observed', async () => {
    const { options, calls } = await shop()
    const receive = inbox({ ...options, mode: 'shadow' })
    expect(receive.batch).toBeUndefined()
    expect(await receive(delivery())).toEqual({ kind: 'ack' })
    expect(calls).toEqual([['m1']])
  })
})
