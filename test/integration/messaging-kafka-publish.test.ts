import { connect } from 'node:net'
import { Kafka, logLevel } from 'kafkajs'
import { expect, it } from 'vitest'
import type { OutboxMessage } from '../../src/core/store.ts'
import { consume, publisher } from '../../src/messaging/kafka.ts'
import { outbox, relay } from '../../src/outbox/outbox.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { tidily } from '../support/leftovers.ts'
import { createProxy } from '../support/proxy.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { openDesk, quick, readAll } from './kafka-helpers.ts'
import { names } from './ledger.ts'
import { record } from './ledger-store.ts'

const LONG = { timeout: 90_000 }
const PRODUCE = 0
const WAYS = ['a call for each key', 'a call for each topic'] as const
const along = (way: (typeof WAYS)[number], kafka: Kafka) => (way === 'a call for each topic' ? { kafka } : {})

describeWith('kafka', (url) => {
  const message = (topic: string, id: string, more: Partial<OutboxMessage> = {}): OutboxMessage => ({
    ...{ id, topic, body: Buffer.from(`body of ${id}`), headers: {} },
    ...more,
  })

  it('hands over id, headers, ordering key and bytes', LONG, async () => {
    const { topic, kafka, producer } = await openDesk(url)
    await using publish = publisher({ producer })
    const bytes = Buffer.from([0, 255, 1])
    const headers = { tenant: 'a', 'onlyonce-id': 'not this' }
    const all = [message(topic, 'm1', { headers, orderingKey: 'k', body: bytes }), message(topic, 'm2')]
    expect(await publish(all)).toEqual([{ ok: true }, { ok: true }])
    const read = (await readAll(kafka, topic, 2)).toSorted((a, b) => Number(b.key) - Number(a.key))
    const [first] = read.filter(({ key }) => String(key) === 'k')
    expect([...(first?.value ?? [])]).toEqual([0, 255, 1])
    const found = Object.entries(first?.headers ?? {}).map(([name, value]) => [name, String(value)])
    expect(Object.fromEntries(found)).toEqual({
      ...{ tenant: 'a', 'onlyonce-id': 'm1', 'onlyonce-ordering-key': 'k' },
    })
  })

  it.each(WAYS)(
    'a message that Kafka refuses fails alone, for good where Kafka will never take it (%s)',
    LONG,
    async (way) => {
      const { topic, kafka, admin } = await openDesk(url, 1)
      const made: unknown[] = []
      await using publish = publisher({
        ...along(way, kafka),
        producer: () => {
          const one = kafka.producer({ idempotent: true, maxInFlightRequests: 1, retry: { retries: 2 } })
          made.push(one)
          return one
        },
      })
      const huge = Buffer.alloc(3_000_000, 1)
      const all = names('m', 7).map((id) => message(topic, id))
      const results = await publish([
        ...all.slice(0, 4),
        message(topic, 'huge', { body: huge }),
        ...all.slice(4),
        message(`${topic}-missing`, 'nowhere'),
      ])
      expect(results.map(({ ok }) => ok)).toEqual([true, true, true, true, false, true, true, true, false])
      expect(results[4]).toMatchObject({ ok: false, permanent: true })
      expect(results[8]).toEqual({ ok: false, reason: expect.stringContaining('topic') })
      const ids = (await readAll(kafka, topic, 7)).map(({ headers }) => String(headers?.['onlyonce-id']))
      expect([...new Set(ids)].toSorted()).toEqual(names('m', 7))
      expect(made.length).toBeGreaterThan(1)
      const [end] = await admin.fetchTopicOffsets(topic)
      expect(Number(end?.high)).toBe(ids.length)
    },
  )

  it.each(WAYS)('an answer that is lost loses no message, of this batch or the next (%s)', LONG, async (way) => {
    const { topic, kafka } = await openDesk(url, 4)
    const port = Number(new URL(url).port)
    const proxy = tidily(await createProxy(port), (one) => one.close())
    const through = new Kafka({
      ...{ clientId: 'cut', brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING },
      // Kafka names its own port to whoever asks, so every connection is led through the proxy here.
      socketFactory: ({ onConnect }) => connect({ port: proxy.port, host: '127.0.0.1' }, onConnect),
    })
    let produced = 0
    let cuts = 0
    let cutNext = false
    proxy.onRequest = (chunk) => {
      if (chunk.length > 6 && chunk.readInt16BE(4) === PRODUCE) cutNext = ++produced % 4 === 2
      return undefined
    }
    proxy.onReply = () => {
      if (!cutNext) return undefined
      cutNext = false
      cuts++
      return 'cut'
    }
    await using publish = publisher({
      ...along(way, through),
      producer: () => through.producer({ idempotent: true, maxInFlightRequests: 1, retry: { retries: 1 } }),
    })
    const answered: string[] = []
    let turn = 0
    // Side by side on purpose: they have to queue.
    const calls = Array.from({ length: 12 }, async (_, i) => {
      let waiting = names(`${i}.`, 5).map((id) => message(topic, id))
      while (waiting.length > 0) {
        turn++
        const results = await publish(waiting)
        answered.push(...waiting.filter((__, at) => results[at]?.ok).map(({ id }) => id))
        waiting = waiting.filter((__, at) => !results[at]?.ok)
      }
    })
    await Promise.all(calls)
    expect(answered).toHaveLength(60)
    expect(cuts).toBeGreaterThan(2)
    expect(turn).toBeGreaterThanOrEqual(12)
    const ids = (await readAll(kafka, topic, 60)).map(({ headers }) => String(headers?.['onlyonce-id']))
    expect(new Set(ids)).toEqual(new Set(answered))
  })

  it('a batch whose answers were all lost takes nothing of the next one with it', LONG, async () => {
    const { topic, kafka, admin } = await openDesk(url, 1)
    const port = Number(new URL(url).port)
    const proxy = tidily(await createProxy(port), (one) => one.close())
    const through = new Kafka({
      ...{ clientId: 'cut', brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING },
      socketFactory: ({ onConnect }) => connect({ port: proxy.port, host: '127.0.0.1' }, onConnect),
    })
    let isProduce = false
    let lost = 0
    proxy.onRequest = (chunk) => {
      isProduce = chunk.length > 6 && chunk.readInt16BE(4) === PRODUCE
      return undefined
    }
    // Kafka has the batch, and the producer gives up on it.
    proxy.onReply = () => (isProduce && lost < 2 && ++lost > 0 ? 'cut' : undefined)
    await using publish = publisher({
      producer: () => through.producer({ idempotent: true, maxInFlightRequests: 1, retry: { retries: 1 } }),
    })
    // Of one key, so that they are one call.
    const five = (name: string) => names(name, 5).map((id) => message(topic, id, { orderingKey: 'k' }))
    const first = await publish(five('a'))
    expect(first.map(({ ok }) => ok)).toEqual([false, false, false, false, false])
    const second = await publish(five('b'))
    expect(second.map(({ ok }) => ok)).toEqual([true, true, true, true, true])
    const [end] = await admin.fetchTopicOffsets(topic)
    const ids = (await readAll(kafka, topic, Number(end?.high))).map(({ headers }) => String(headers?.['onlyonce-id']))
    expect(new Set(ids)).toEqual(new Set([...names('a', 5), ...names('b', 5)]))
  })

  it('a relay that ends between send and mark repeats messages, and each takes effect once', LONG, async () => {
    const { topic, from, once, store, kafka, admin, effects } = await openDesk(url)
    const box = outbox(store)
    const ids = names('m', 30)
    await store.transaction(async (tx) => {
      for (const id of ids) await box.add(tx, { id, topic, body: id, orderingKey: `key ${Number(id.slice(1)) % 3}` })
    })
    const producer = () => kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    const publish = tidily(publisher({ producer, kafka }), (one) => one.close())
    let rounds = 0
    // Sent, and then nobody hears of it: as when the process ends at this point.
    const dying = relay({
      ...{ store, leaseMs: 500, pollMs: 20, backoffMs: 10, name: 'first' },
      async publish(batch) {
        await publish(batch)
        rounds++
        throw new Error('killed')
      },
    })
    dying.start()
    await until('something was sent', () => rounds > 2)
    await dying.stop()
    const second = tidily(relay({ store, publish, leaseMs: 500, pollMs: 20, name: 'second' }), (one) => one.stop())
    second.start()
    await second.drained()
    const ends = await admin.fetchTopicOffsets(topic)
    const stored = ends.reduce((sum, { high }) => sum + Number(high), 0)
    expect(stored).toBeGreaterThan(ids.length)
    const handle = async ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
    let settled = 0
    const onEvent = ({ type }: { type: string }) => void (type === 'settled' && settled++)
    tidily(consume({ ...quick, ...from, once, handle, onEvent }), (one) => one.stop())
    await until('all are settled', () => settled >= stored)
    expect((await effects()).toSorted()).toEqual(ids)
  })

  it('refuses an idempotent producer that it could not replace', () => {
    const kafka = new Kafka({ brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING })
    const producer = kafka.producer({ idempotent: true })
    expect(() => publisher({ producer })).toThrow(/option `producer` is idempotent/)
    expect(() => publisher({ producer: undefined as never })).toThrow(/option `producer` is required/)
    const unknown = { producer: kafka.producer(), timeoutMs: 5 }
    expect(() => publisher(unknown)).toThrow(/option `timeoutMs` is not an option; there are producer, kafka/)
    expect(() => publisher({ producer: kafka.producer(), kafka: {} as never })).toThrow(/option `kafka` is required/)
  })
})
