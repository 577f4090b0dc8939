import { describe, expect, it } from 'vitest'
import { body, messagesOf, type Named, tempFile } from '../../test/queue-kit.ts'
import { later } from '../../test/support/leftovers.ts'
import { onlyonce } from '../core/engine.ts'
import { type Runtime, systemRuntime } from '../core/runtime.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { type ConsumerEvent, consume, embeddedQueue, Unprocessable } from './embedded-queue.ts'

describe('consume', () => {
  const rules = { name: 'ledger', delivers: 'at-least-once' } as const

  /** Real time: the consumer waits for the file as well as for the clock. */
  function world(runtime: Runtime = systemRuntime) {
    const path = tempFile()
    const queue = embeddedQueue({ path, subscriptions: { audit: ['ledger'] }, durability: 'normal', runtime })
    later(() => queue.close())
    const once = onlyonce({ store: memoryStore(), scope: 'shop' })
    const events: ConsumerEvent[] = []
    const settled = async (count: number) => {
      while (events.filter(({ type }) => type === 'settled').length < count) await tick()
      return events
    }
    const publish = (...ids: readonly Named[]) => queue.publish(messagesOf(ids))
    const onEvent = (event: ConsumerEvent) => void events.push(event)
    const base = { queue, from: 'ledger', once, ...rules, onEvent } as const
    return { path, queue, once, events, settled, publish, base }
  }
  const tick = () => new Promise((resolve) => setTimeout(resolve, 2))

  it.each([
    [
      'throws',
      () => {
        throw new Error('broken listener')
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken listener'))],
  ])('reports a listener that %s to the engine, and goes on', async (_, onEvent) => {
    const { queue, publish, base } = world()
    const heard: unknown[] = []
    const once = onlyonce({ store: memoryStore(), scope: 'shop', onListenerError: (error) => heard.push(error) })
    await publish('a', 'b')
    const consumer = consume({ ...base, once, onEvent, handle: () => {} })
    while (heard.length < 2) await tick()
    await consumer.stop()
    expect(heard.map(String)).toEqual(['Error: broken listener', 'Error: broken listener'])
    expect((await queue.stats()).size).toBe(0)
  })

  it('warns of a queue that gets no messages by the subscriptions, and consumes it all the same', async () => {
    const { path, settled, publish, base } = world()
    const heard: (Error & { readonly code?: string })[] = []
    const listen = (warning: Error) => void heard.push(warning)
    process.on('warning', listen)
    later(() => process.off('warning', listen))
    await publish('a')
    const unlisted = embeddedQueue({ path, durability: 'normal' })
    later(() => unlisted.close())
    const right = consume({ ...base, handle: () => {} })
    const unknown = consume({ ...base, queue: unlisted, from: 'leger', handle: () => {} })
    const misspelt = consume({ ...base, from: 'leger', handle: () => {} })
    await settled(1)
    for (const one of [right, unknown, misspelt]) await one.stop()
    expect(heard.map(({ code, message }) => [code, message])).toEqual([
      [
        'ONLYONCE_SUBSCRIPTION',
        'consumer "ledger" consumes the queue "leger" (option `from`), which gets no topic by the `subscriptions` of its embedded queue: those name "ledger"',
      ],
    ])
  })

  it('carries out ack, retry and dead-letter', async () => {
    const { queue, settled, publish, base } = world()
    const tries = new Map<string, number>()
    await publish('good', 'flaky', 'bad')
    const consumer = consume({
      ...base,
      backoffMs: 1,
      handle: ({ id }) => {
        tries.set(id, (tries.get(id) ?? 0) + 1)
        if (id === 'bad') throw new Unprocessable('never')
        if (id === 'flaky' && tries.get(id)! < 3) throw new Error('not yet')
      },
    })
    await settled(5)
    await consumer.stop()
    expect(Object.fromEntries(tries)).toEqual({ good: 1, flaky: 3, bad: 1 })
    expect(await queue.deadLetters('ledger')).toMatchObject([{ id: 'bad', reason: 'never', body }])
    expect((await queue.stats()).get('ledger')).toEqual({ ready: 0, out: 0, behind: 0, dead: 1 })
  })

  it('runs as many side by side as concurrency allows, and each ordering key one after the other', async () => {
    const { settled, publish, base } = world()
    let [now, most, overlaps] = [0, 0, 0]
    const order: string[] = []
    const perKey = new Map<string, number>()
    await publish(...Array.from({ length: 40 }, (_, i): [string, string] => [`${i}`, `k${i % 8}`]))
    const consumer = consume({
      ...base,
      concurrency: 4,
      handle: async ({ id, orderingKey = '' }) => {
        most = Math.max(most, ++now)
        perKey.set(orderingKey, (perKey.get(orderingKey) ?? 0) + 1)
        if (perKey.get(orderingKey) !== 1) overlaps++
        await tick()
        order.push(id)
        perKey.set(orderingKey, 0)
        now--
      },
    })
    await settled(40)
    await consumer.stop()
    expect([most, overlaps]).toEqual([4, 0])
    for (let key = 0; key < 8; key++) {
      const seen = order.map(Number).filter((id) => id % 8 === key)
      expect(seen).toEqual([...seen].sort((a, b) => a - b))
      expect(seen).toHaveLength(5)
    }
  })

  it('wakes at once for a message published in this process', async () => {
    // A poll that waits longer than this never comes back by itself.
    const after: Runtime['after'] = (ms, wake) => systemRuntime.after(ms > 30 ? 3_600_000 : ms, wake)
    const { settled, publish, base } = world({ ...systemRuntime, after })
    const consumer = consume({ ...base, pollMs: 60_000, handle: () => {} })
    await new Promise((resolve) => setTimeout(resolve, 300))
    await publish('a')
    await settled(1)
    await consumer.stop()
  })

  it('stops gracefully: running handlers finish and are acked, the rest is given back', async () => {
    const { queue, publish, base, events } = world()
    let release: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const started: string[] = []
    await publish('a', 'b', 'c', 'd', 'e', 'f')
    const consumer = consume({
      ...base,
      concurrency: 2,
      prefetch: 2,
      handle: async ({ id }) => {
        started.push(id)
        await gate
      },
    })
    while (started.length < 2) await tick()
    const stopped = consumer.stop()
    let isStopped = false
    void stopped.then(() => {
      isStopped = true
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(isStopped).toBe(false)
    release()
    await stopped
    expect(consumer.running).toBe(0)
    expect(started).toEqual(['a', 'b'])
    expect(events.map((event) => event.type === 'settled' && event.verdict.kind)).toEqual(['ack', 'ack'])
    expect((await queue.receive('ledger', 10)).map(({ id }) => id)).toEqual(['c', 'd', 'e', 'f'])
  })

  it('pauses and resumes', async () => {
    const { publish, base, settled, events } = world()
    const consumer = consume({ ...base, pollMs: 5, handle: () => {} })
    await consumer.pause()
    await tick()
    await publish('a')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(events).toEqual([])
    consumer.resume()
    await settled(1)
    await consumer.stop()
  })

  it('goes on after the broker failed, and tells it', async () => {
    const { queue, publish, base, settled, events } = world()
    await publish('a')
    let failures = 2
    const flaky = {
      ...queue,
      receive: (...args: Parameters<typeof queue.receive>) =>
        failures-- > 0 ? Promise.reject(new Error('disk gone')) : queue.receive(...args),
    }
    const consumer = consume({ ...base, queue: flaky, pollMs: 5, handle: () => {} })
    while (!events.some(({ type }) => type === 'settled')) await tick()
    await settled(1)
    expect(events.filter(({ type }) => type === 'broker-failed')).toHaveLength(2)
    await consumer.stop()
  })

  it.each([
    ['queue', { queue: {} }],
    ['from', { from: '' }],
    ['concurrency', { concurrency: 0 }],
    ['prefetch', { prefetch: -1 }],
    ['name', { name: 'a/b' }],
    ['delivers', { delivers: 'exactly-once-effect' }],
    ['handle', { handle: undefined }],
    ['maxAttempts', { maxAttempts: 0 }],
    ['concurency', { concurency: 1 }],
  ])('refuses a bad %s', (name, change) => {
    const { base } = world()
    expect(() => consume({ ...base, handle: () => {}, ...change } as never)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(name) }),
    )
  })
})
