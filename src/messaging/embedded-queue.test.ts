import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { onlyonce } from '../core/engine.ts'
import { type Runtime, systemRuntime } from '../core/runtime.ts'
import { loadDriver } from '../embedded/driver.ts'
import { memoryStore } from '../stores/memory/index.ts'
import { fakeRuntime } from '../testing/fake-runtime.ts'
import {
  type ConsumerEvent,
  consume,
  type EmbeddedQueueOptions,
  embeddedQueue,
  Unprocessable,
} from './embedded-queue.ts'

const leftovers: (() => unknown)[] = []
afterEach(async () => {
  for (const tidy of leftovers.splice(0).reverse()) await tidy()
})

const body = new TextEncoder().encode('{"cents":100}')

function tempFile() {
  const directory = mkdtempSync(join(tmpdir(), 'onlyonce-queue-'))
  leftovers.push(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'queue.db')
}

function open(given: Partial<EmbeddedQueueOptions> = {}) {
  const runtime = fakeRuntime()
  const queue = embeddedQueue({
    path: tempFile(),
    subscriptions: { orders: ['coupons', 'mails'], audit: ['ledger'], dropped: [] },
    durability: 'normal',
    runtime,
    ...given,
  } as EmbeddedQueueOptions)
  leftovers.push(() => queue.close())
  const add = async (...ids: readonly (string | [id: string, orderingKey: string])[]) => {
    const messages = ids.map((one) => {
      const [id, orderingKey] = typeof one === 'string' ? [one] : one
      return { id, topic: 'audit', body, ...(orderingKey === undefined ? {} : { orderingKey }) }
    })
    for (const result of await queue.publish(messages)) expect(result).toEqual({ ok: true })
  }
  const take = async (max = 10, visibilityMs = 1_000) => queue.receive('ledger', max, visibilityMs)
  const ids = async (max = 10) => (await take(max)).map(({ id }) => id)
  return { queue, runtime, add, take, ids }
}

describe('embeddedQueue', () => {
  it('delivers a message to every queue of its topic, exactly as it was published', async () => {
    const { queue } = open()
    const message = { id: 'ü\0"1', topic: 'orders', body: Uint8Array.of(0, 255), headers: { h: 'v' }, orderingKey: 'k' }
    await queue.publish([message])
    for (const name of ['coupons', 'mails']) {
      const [received] = await queue.receive(name, 10)
      expect(received).toEqual({ ...message, deliveries: 1, receipt: expect.any(String) })
    }
  })

  it('answers for each message and refuses what it cannot keep', async () => {
    const { queue, ids } = open()
    const results = await queue.publish([
      { id: 'a', topic: 'audit', body },
      { id: 'b', topic: 'unknown', body },
      { id: '', topic: 'audit', body },
      { id: 'c', topic: 'audit', body: 'text' as unknown as Uint8Array },
      { id: 'd', topic: 'dropped', body },
    ])
    expect(results.map(({ ok }) => ok)).toEqual([true, false, false, false, true])
    expect(results[1]).not.toHaveProperty('permanent')
    expect(results[2]).toMatchObject({ permanent: true })
    expect(await ids()).toEqual(['a'])
  })

  it('delivers the same id twice when it is published twice', async () => {
    const { add, ids } = open()
    await add('a')
    await add('a')
    expect(await ids()).toEqual(['a', 'a'])
  })

  it('keeps a received message from others until visibility is over, and counts deliveries', async () => {
    const { add, take, ids, runtime } = open()
    await add('a', 'b')
    expect((await take(1))[0]?.deliveries).toBe(1)
    expect(await ids()).toEqual(['b'])
    await runtime.advance(999)
    expect(await ids()).toEqual([])
    await runtime.advance(1)
    const again = await take()
    expect(again.map(({ id, deliveries }) => [id, deliveries])).toEqual([
      ['a', 2],
      ['b', 2],
    ])
  })

  it('hands out the oldest first', async () => {
    const { add, ids } = open()
    await add(...Array.from({ length: 30 }, (_, i) => `m${i}`))
    expect(await ids(3)).toEqual(['m0', 'm1', 'm2'])
    expect(await ids(3)).toEqual(['m3', 'm4', 'm5'])
  })

  it('knows a receipt until somebody else was given the message, and no longer', async () => {
    const { queue, add, take, runtime } = open()
    await add('a')
    const [first] = await take()
    await runtime.advance(1_500)
    expect(await queue.extend(first!.receipt, 1_000)).toBe('ok')
    expect(await take()).toEqual([])
    await runtime.advance(1_500)
    const [second] = await take()
    for (const answer of [
      queue.ack(first!.receipt),
      queue.extend(first!.receipt, 9_000),
      queue.retry(first!.receipt, 0),
      queue.deadLetter(first!.receipt, 'no'),
      queue.ack('nonsense'),
    ]) {
      expect(await answer).toBe('lost')
    }
    expect(await queue.ack(second!.receipt)).toBe('ok')
    expect(await queue.ack(second!.receipt)).toBe('lost')
    expect(await queue.stats()).toEqual(new Map())
  })

  it('puts a message off', async () => {
    const { queue, add, take, ids, runtime } = open()
    await add('a')
    const [one] = await take()
    expect(await queue.retry(one!.receipt, 5_000)).toBe('ok')
    expect(await queue.ack(one!.receipt)).toBe('lost')
    await runtime.advance(4_999)
    expect(await queue.hasDue('ledger')).toBe(false)
    await runtime.advance(1)
    expect(await queue.hasDue('ledger')).toBe(true)
    expect(await ids()).toEqual(['a'])
  })

  it('keeps dead letters with reason and bytes until they are redriven or discarded', async () => {
    const { queue, add, take, runtime } = open()
    await add(['a', 'k'], ['b', 'k'], 'c')
    for (const { receipt } of await take()) await queue.deadLetter(receipt, 'poison')
    const dead = await queue.deadLetters('ledger')
    expect(dead).toEqual([
      expect.objectContaining({ id: 'a', body, orderingKey: 'k', reason: 'poison', deliveries: 1 }),
      expect.objectContaining({ id: 'c', reason: 'poison' }),
    ])
    expect(dead[0]?.deadAt.getTime()).toBe(runtime.now())
    expect((await queue.stats()).get('ledger')).toEqual({ ready: 1, out: 0, behind: 0, dead: 2 })
    expect(await queue.deadLetters('ledger', { after: dead[0]!.position, limit: 1 })).toMatchObject([{ id: 'c' }])
    expect(await queue.discard('ledger', [dead[1]!.position, 999])).toBe(1)
    expect(await queue.redrive('ledger')).toBe(1)
    expect(await queue.redrive('ledger')).toBe(0)
    // It lost its place: b went on meanwhile, and now comes first.
    const [b] = await take()
    expect(b).toMatchObject({ id: 'b' })
    await queue.ack(b!.receipt)
    expect(await take()).toMatchObject([{ id: 'a', body, deliveries: 2 }])
  })

  it('hands out one message of an ordering key at a time, in order, whatever becomes of it', async () => {
    const { queue, add, take, ids, runtime } = open()
    await add(['a1', 'a'], ['a2', 'a'], ['b1', 'b'])
    await add(['a3', 'a'], ['a4', 'a'])
    const first = await take()
    expect(first.map(({ id }) => id)).toEqual(['a1', 'b1'])
    expect(await ids()).toEqual([])
    await queue.retry(first[0]!.receipt, 2_000)
    await runtime.advance(1_999)
    expect(await ids()).toEqual(['b1'])
    await runtime.advance(1)
    const [again] = await take()
    expect(again).toMatchObject({ id: 'a1', deliveries: 2 })
    await queue.ack(again!.receipt)
    const [second] = await take()
    expect(second!.id).toBe('a2')
    await queue.deadLetter(second!.receipt, 'no')
    const third = await take()
    expect(third.map(({ id }) => id)).toEqual(['a3'])
    await runtime.advance(1_000)
    expect(await ids()).toEqual(['b1', 'a3'])
    await runtime.advance(1_000)
    const last = await take()
    await Promise.all(last.map(({ receipt }) => queue.ack(receipt)))
    expect(await ids()).toEqual(['a4'])
  })

  it('shares the file with other connections, and works on a connection of the caller', async () => {
    const path = tempFile()
    const one = open({ path })
    const database = (await loadDriver())(path)
    leftovers.push(() => database.close())
    const two = open({ database, path: undefined } as unknown as EmbeddedQueueOptions)
    await one.add('a', 'b')
    expect(await two.ids(1)).toEqual(['a'])
    expect(await one.ids()).toEqual(['b'])
    await two.queue.close()
    expect(database.prepare('SELECT count(*) AS n FROM onlyonce_queue').all()).toEqual([{ n: 2 }])
  })

  it('refuses a file of a newer version, and calls after close', async () => {
    const path = tempFile()
    const one = open({ path })
    await one.add('a')
    await one.queue.close()
    await one.queue.close()
    await expect(one.queue.receive('ledger', 1)).rejects.toMatchObject({ code: 'CLOSED' })
    const database = (await loadDriver())(path)
    database.exec('UPDATE onlyonce_queue_meta SET number = 99')
    database.close()
    const newer = open({ path })
    await expect(newer.queue.receive('ledger', 1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })

  it.each([
    ['path', {}],
    ['path', { path: 'https://example.com' }],
    ['visibilityMs', { path: 'x', visibilityMs: 0 }],
    ['durability', { path: 'x', durability: 'none' }],
    ['subscriptions.t', { path: 'x', subscriptions: { t: 'q' } }],
    ['subscriptions.t', { path: 'x', subscriptions: { t: [''] } }],
    ['pat', { pat: 'x' }],
  ])('refuses a bad %s', (name, options) => {
    expect(() => embeddedQueue(options as EmbeddedQueueOptions)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(name) }),
    )
  })
})

describe('consume', () => {
  const rules = { name: 'ledger', delivers: 'at-least-once' } as const

  /** Real time: the consumer waits for the file as well as for the clock. */
  function world(runtime: Runtime = systemRuntime) {
    const queue = embeddedQueue({
      path: tempFile(),
      subscriptions: { audit: ['ledger'] },
      durability: 'normal',
      runtime,
    })
    leftovers.push(() => queue.close())
    const once = onlyonce({ store: memoryStore(), scope: 'shop' })
    const events: ConsumerEvent[] = []
    const settled = async (count: number) => {
      while (events.filter(({ type }) => type === 'settled').length < count) await tick()
      return events
    }
    const publish = (...ids: readonly (string | [id: string, orderingKey: string])[]) =>
      queue.publish(
        ids.map((one) => {
          const [id, orderingKey] = typeof one === 'string' ? [one] : one
          return { id, topic: 'audit', body, ...(orderingKey === undefined ? {} : { orderingKey }) }
        }),
      )
    const onEvent = (event: ConsumerEvent) => void events.push(event)
    const base = { queue, from: 'ledger', once, ...rules, onEvent } as const
    return { queue, once, events, settled, publish, base }
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
    consumer.pause()
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
