import { beforeAll, describe, expect, it } from 'vitest'
import type { OutboxMessage } from '../../src/core/store.ts'
import { onlyonce } from '../../src/index.ts'
import { type ConsumerEvent, consume } from '../../src/messaging/embedded-queue.ts'
import { outbox, relay } from '../../src/outbox/outbox.ts'
import { bundled } from '../support/bundle.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { openShop } from './messaging-helpers.ts'

let worker = ''
beforeAll(async () => {
  worker = await bundled('test/integration/messaging-worker.ts')
})

describe('outbox, relay, queue and inbox over SQLite', () => {
  it('publishes what committed and nothing of what was rolled back', async () => {
    const { store, queue } = await openShop(worker)
    const box = outbox(store)
    await store.transaction((tx) => box.add(tx, { id: 'kept', topic: 'orders', body: { n: 1 } }))
    const rolledBack = store.transaction(async (tx) => {
      await box.add(tx, { id: 'gone', topic: 'orders', body: { n: 2 } })
      throw new Error('changed my mind')
    })
    await expect(rolledBack).rejects.toThrow('changed my mind')
    const publishing = relay({ store, publish: (batch) => queue.publish(batch), pollMs: 5 })
    publishing.start()
    expect(await publishing.drained()).toBe(true)
    await publishing.stop()
    expect((await queue.receive('ledger', 10)).map(({ id }) => id)).toEqual(['kept'])
    expect(await box.stats()).toEqual({ waiting: 0, parked: 0, oldestMs: 0 })
  })

  it('keeps a message for a topic that nobody knows yet', async () => {
    const { store, queue } = await openShop(worker)
    const box = outbox(store)
    await store.transaction((tx) => box.add(tx, { topic: 'later', body: 1 }))
    const publishing = relay({ store, publish: (batch) => queue.publish(batch), pollMs: 5 })
    publishing.start()
    await sleepMs(100)
    await publishing.stop()
    expect(await box.stats()).toMatchObject({ waiting: 1, parked: 0 })
  })

  it('gives the messages of an operation the same ids on every run of it, and consumers absorb them', async () => {
    const { store, queue } = await openShop(worker)
    const box = outbox(store)
    const once = onlyonce({ store, scope: 'shop' })
    const ids: (readonly string[])[] = []
    let broken = true
    const place = () =>
      once.atomic('order:1', async (tx, op) => {
        const first = await box.add(tx, { topic: 'orders', body: 1 }, op)
        const rest = await box.add(
          tx,
          [1, 2].map((body) => ({ topic: 'orders', body })),
          op,
        )
        ids.push([first, ...rest])
        if (broken) throw new Error('card refused')
      })
    await expect(place()).rejects.toThrow('card refused')
    broken = false
    await place()
    const publishing = relay({ store, publish: (batch) => queue.publish(batch), pollMs: 5 })
    publishing.start()
    expect(await publishing.drained()).toBe(true)
    await once.forget('order:1')
    await place()
    expect(await publishing.drained()).toBe(true)
    await publishing.stop()
    expect(ids[1]).toEqual(ids[0])
    expect(ids[2]).toEqual(ids[0])
    expect(new Set(ids[0]).size).toBe(3)
    const handled: string[] = []
    let settled = 0
    const consumer = consume({
      ...{ queue, from: 'ledger', once, name: 'ledger', delivers: 'at-least-once' },
      onEvent: ({ type }) => void (type === 'settled' && settled++),
      handle: ({ id }) => void handled.push(id),
    })
    await until('all six copies are settled', () => settled === 6)
    await consumer.stop()
    expect(handled.sort()).toEqual([...(ids[0] ?? [])].sort())
  })

  it('a relay killed between publish and settle makes duplicates with the same ids, and each takes effect once', async () => {
    const { store, queue, start, log, effects } = await openShop(worker)
    const box = outbox(store)
    const ids = Array.from({ length: 25 }, (_, i) => `e${String(i).padStart(2, '0')}`)
    await store.transaction((tx) =>
      box.add(
        tx,
        ids.map((id) => ({ id, topic: 'orders', body: { id } })),
      ),
    )
    for (let kills = 0; kills < 3; kills++) await start('relay', 'dies').over
    start('relay', 'lives')
    await until('the outbox is empty', async () => (await box.stats()).waiting === 0)
    expect(log().filter((line) => line.startsWith('published')).length).toBeGreaterThanOrEqual(6)
    const delivered = (await queue.stats()).get('ledger')?.ready ?? 0
    expect(delivered).toBeGreaterThan(ids.length)

    const once = onlyonce({ store, scope: 'shop' })
    const verdicts: string[] = []
    const onEvent = (event: ConsumerEvent) => {
      if (event.type === 'settled') verdicts.push(event.verdict.kind)
    }
    const consumer = consume({
      queue,
      from: 'ledger',
      once,
      name: 'ledger',
      delivers: 'exactly-once-effect',
      onEvent,
      handle: (message, tx) => void tx.prepare('INSERT INTO effects (id) VALUES (?)').run(message.id),
    })
    await until('everything is settled', () => verdicts.length === delivered)
    await consumer.stop()
    expect(new Set(verdicts)).toEqual(new Set(['ack']))
    expect(await effects()).toEqual(ids)
  }, 60_000)

  it('two relays that race keep the order of every key', async () => {
    const { store } = await openShop(worker)
    const box = outbox(store)
    const seen: OutboxMessage[] = []
    const by = new Set<string>()
    let calls = 0
    const racing = ['a', 'b'].map((name) =>
      relay({
        store,
        name,
        pollMs: 5,
        leaseMs: 60,
        batchSize: 7,
        publishTimeoutMs: 60,
        backoffMs: 100,
        maxBackoffMs: 100,
        publish: async (batch) => {
          by.add(name)
          // Longer than the lease now and then: the other one takes over, and this call ends in the middle of its work.
          if (++calls % 6 === 0) await sleepMs(120)
          return batch.map((one) => {
            if (Math.random() < 0.1) return { ok: false, reason: 'try again' }
            seen.push(one)
            return { ok: true }
          })
        },
      }),
    )
    for (const one of racing) one.start()
    for (let i = 0; i < 200; i++) {
      await store.transaction((tx) => box.add(tx, { id: `${i}`, topic: 'orders', body: i, orderingKey: `k${i % 6}` }))
    }
    expect(await racing[0]?.drained()).toBe(true)
    for (const one of racing) await one.stop()
    expect(by).toEqual(new Set(['a', 'b']))
    for (let key = 0; key < 6; key++) {
      const firsts = [...new Set(seen.filter((one) => one.orderingKey === `k${key}`).map(({ id }) => Number(id)))]
      expect(firsts).toEqual([...firsts].sort((x, y) => x - y))
    }
    expect(new Set(seen.map(({ id }) => id)).size).toBe(200)
  }, 60_000)
})
