import { describe, expect, it } from 'vitest'
import { delivery } from '../../test/inbox-kit.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import { checkedPullOptions } from './consumer.ts'
import type { Delivery, Verdict } from './delivery.ts'
import type { Inbox } from './inbox.ts'
import { pullConsumer } from './pull.ts'

/** A consumer over a list, and an inbox that keeps what it is given until it is told the verdicts. */
function setup(options: { concurrency?: number; prefetch?: number; maxWaitMs?: number; maxSize?: number } = {}) {
  const runtime = fakeRuntime()
  const { maxSize = 4, maxWaitMs = 50, concurrency, prefetch } = options
  const queue: (string | Partial<Delivery>)[] = []
  const lost = new Set<string>()
  const held = new Set<string>()
  const settled: string[] = []
  const asked: { readonly max: number; readonly gathering: object | undefined }[] = []
  const batches: { readonly ids: readonly string[]; finish(verdict?: Verdict): void }[] = []
  let wake = () => {}
  const receive = (deliveries: readonly Delivery[]) => {
    let finish: (verdict: Verdict) => void = () => {}
    const over = new Promise<Verdict>((resolve) => {
      finish = resolve
    })
    batches.push({ ids: deliveries.map(({ id }) => id), finish: (verdict = { kind: 'ack' }) => finish(verdict) })
    return deliveries.map(({ id }) => (held.has(id) ? new Promise<Verdict>(() => {}) : over))
  }
  const inbox = Object.assign(() => Promise.reject(new Error('not one by one')), {
    readmit: async () => false,
    checkHorizon() {},
    visibilityMs: 30_000,
    batch: { maxSize, maxWaitMs, receive },
  }) as unknown as Inbox
  const consumer = pullConsumer(
    {
      async receive(max, gathering) {
        asked.push({ max, gathering })
        return queue.splice(0, max).map((given) => {
          const one = delivery(typeof given === 'string' ? { id: given } : given)
          const settle = async ({ kind }: Verdict) => void settled.push(`${one.id} ${kind}`)
          return { delivery: one, settle, isOurs: () => !lost.has(one.id) }
        })
      },
      watch(call) {
        wake = call
        return () => {}
      },
    },
    inbox,
    {
      ...checkedPullOptions({ concurrency, prefetch } as never, { batch: { maxSize } }),
      runtime,
      visibilityMs: 30_000,
    },
  )
  const publish = (...ids: (string | Partial<Delivery>)[]) => {
    queue.push(...ids)
    wake()
  }
  return { runtime, consumer, publish, batches, settled, asked, queue, lost, held }
}

const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `m${from + index}`)

describe('a consumer with batches', () => {
  it('starts a full batch at once', async () => {
    const { runtime, publish, batches, consumer, settled } = setup()
    publish(...ids(0, 4))
    await runtime.advance(1)
    expect(batches.map((one) => one.ids)).toEqual([ids(0, 4)])
    expect(consumer.running).toBe(4)
    batches[0]?.finish()
    await runtime.advance(1)
    expect(settled).toEqual(ids(0, 4).map((id) => `${id} ack`))
    expect(consumer.running).toBe(0)
  })

  it('waits maxWaitMs for others after the first, and not longer', async () => {
    const { runtime, publish, batches } = setup()
    await runtime.advance(1_000)
    publish('m0')
    await runtime.advance(30)
    publish('m1')
    await runtime.advance(19)
    expect(batches).toEqual([])
    await runtime.advance(2)
    expect(batches.map((one) => one.ids)).toEqual([['m0', 'm1']])
  })

  it('gathers the next while one is handled, and starts it when there is room', async () => {
    const { runtime, publish, batches, queue } = setup({ concurrency: 4 })
    publish(...ids(0, 10))
    await runtime.advance(1_000)
    expect(batches.map((one) => one.ids)).toEqual([ids(0, 4)])
    expect(queue).toEqual(ids(8, 10))
    batches[0]?.finish()
    await runtime.advance(1)
    expect(batches.map((one) => one.ids)).toEqual([ids(0, 4), ids(4, 8)])
  })

  it('goes on behind messages of earlier batches that are held', async () => {
    const { runtime, consumer, publish, batches, held } = setup({ concurrency: 4, prefetch: 8 })
    for (const id of ['m0', 'm5', 'm6', 'm9']) held.add(id)
    publish(...ids(0, 16))
    for (let batch = 0; batch < 3; batch++) {
      await runtime.advance(1_000)
      batches.at(-1)?.finish()
    }
    await runtime.advance(1_000)
    // As many as `concurrency` are held now.
    expect(consumer.running).toBe(4)
    expect(batches.map((one) => one.ids)).toEqual([ids(0, 4), ids(4, 8), ids(8, 12)])
  })

  it('does not start a batch beside one without any verdict that leaves no room for it', async () => {
    const { runtime, consumer, publish, batches } = setup({ concurrency: 7 })
    publish(...ids(0, 8))
    await runtime.advance(60_000)
    expect([consumer.running, batches.length]).toEqual([4, 1])
  })

  it.each([
    [0, 4],
    [2, 6],
    [9, 8],
  ])('fetches no more ahead than prefetch (%i), and a batch at most', async (prefetch, fetched) => {
    const { runtime, publish, batches, queue } = setup({ concurrency: 4, prefetch })
    publish(...ids(0, 12))
    await runtime.advance(1_000)
    expect(queue).toEqual(ids(fetched, 12))
    batches[0]?.finish()
    await runtime.advance(1_000)
    expect(batches[1]?.ids).toEqual(ids(4, prefetch === 0 ? 8 : fetched))
  })

  it('tells the source for which batch it asks', async () => {
    const { runtime, publish, asked } = setup({ concurrency: 8 })
    publish(...ids(0, 3))
    await runtime.advance(10)
    publish('m3', 'm4')
    await runtime.advance(1)
    const [first, ...more] = asked.map(({ gathering }) => gathering)
    expect(first).toBeTypeOf('object')
    expect(more.filter((one) => one === first).length).toBeGreaterThan(0)
    expect(more.at(-1)).not.toBe(first)
    expect(asked.every(({ max }) => max <= 4)).toBe(true)
  })

  it('gives back what was gathered when it stops, and waits for what is handled', async () => {
    const { runtime, publish, batches, consumer, settled } = setup({ concurrency: 4 })
    publish(...ids(0, 6))
    await runtime.advance(100)
    let stopped = false
    const stopping = consumer.stop().then(() => {
      stopped = true
    })
    await runtime.advance(100)
    expect([stopped, settled]).toEqual([false, ['m4 retry', 'm5 retry']])
    batches[0]?.finish()
    await runtime.advance(1)
    await stopping
    expect(settled.slice(2)).toEqual(ids(0, 4).map((id) => `${id} ack`))
  })

  it('keeps what is behind a message that is not ours any more from overtaking it', async () => {
    const { runtime, publish, batches, settled } = setup({ concurrency: 4 })
    publish(...ids(0, 4))
    await runtime.advance(1)
    const extend = (answer: 'ok' | 'lost') => async () => answer
    publish(
      { id: 'first', orderingKey: 'one', extend: extend('lost') },
      { id: 'second', orderingKey: 'one', extend: extend('ok') },
      { id: 'other', orderingKey: 'two', extend: extend('ok') },
      { id: 'none', extend: extend('ok') },
    )
    await runtime.advance(20_000)
    batches[0]?.finish()
    await runtime.advance(1)
    expect(batches.map((one) => one.ids).slice(1)).toEqual([['other', 'none']])
    batches[1]?.finish()
    await runtime.advance(1)
    expect(settled.slice(4).sort()).toEqual(['none ack', 'other ack', 'second retry'])
  })

  it('does not begin what was given to somebody else while it was gathered', async () => {
    const { runtime, publish, batches, lost } = setup({ concurrency: 4 })
    publish(...ids(0, 8))
    await runtime.advance(1_000)
    for (const id of ['m1', 'm5', 'm6']) lost.add(id)
    batches[0]?.finish()
    await runtime.advance(1)
    expect(batches.map((one) => one.ids)).toEqual([ids(0, 4), ['m4', 'm7']])
  })

  it('does not wait for ever for a broker that says nothing of one message', async () => {
    const { runtime, publish, batches } = setup({ concurrency: 4 })
    publish(...ids(0, 4))
    await runtime.advance(1)
    publish({ id: 'silent', extend: () => new Promise(() => {}) }, { id: 'm5', extend: async () => 'ok' })
    await runtime.advance(12_000)
    batches[0]?.finish()
    await runtime.advance(10_001)
    expect(batches.map((one) => one.ids).slice(1)).toEqual([['m5']])
  })

  it.each([
    [{}, 50, { concurrency: 50, prefetch: 50 }],
    [{}, 5, { concurrency: 16, prefetch: 16 }],
    [{ concurrency: 100 }, 50, { concurrency: 100, prefetch: 100 }],
    [{ prefetch: 0 }, 50, { concurrency: 50, prefetch: 0 }],
  ])('given %o and batches of %i has room for %o', (given, maxSize, expected) => {
    expect(checkedPullOptions(given as never, { batch: { maxSize } })).toMatchObject(expected)
  })

  it('refuses a concurrency that no batch fits into', () => {
    const refused = () => checkedPullOptions({ concurrency: 10 } as never, { batch: { maxSize: 11 } })
    expect(refused).toThrow(/`concurrency` must not be smaller than batch.maxSize \(11\)/)
  })
})
