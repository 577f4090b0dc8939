import { randomBytes } from 'node:crypto'
import { expect, it, vi } from 'vitest'
import { createDeadLetters } from '../../src/messaging/kafka/dead-letters.ts'
import { type ConsumerEvent, consume, deadTopic, type KafkaClient, Unprocessable } from '../../src/messaging/kafka.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { openDesk, quick, readAll } from './kafka-helpers.ts'
import { record } from './ledger-store.ts'

const LONG = { timeout: 90_000 }

describeWith('kafka', (url) => {
  /** A topic whose messages may be longer than is usual. */
  async function openLarge() {
    const desk = await openDesk(url, 1)
    const topic = `${desk.topic}-large`
    const configEntries = [{ name: 'max.message.bytes', value: '3000000' }]
    await desk.admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1, configEntries }] })
    const groupId = `ledger-${topic}`
    const position = async () => {
      // A group that nobody has asked for before may have no coordinator yet.
      const [of] = await desk.admin.fetchOffsets({ groupId, topics: [topic] }).catch(() => [])
      return Number(of?.partitions[0]?.offset)
    }
    const from = { ...desk.from, topic, groupId }
    const send = (value: Buffer, id: string, headers: Record<string, string> = {}) =>
      desk.producer.send({
        topic,
        acks: -1,
        messages: [{ key: 'k', value, headers: { 'onlyonce-id': id, ...headers } }],
      })
    return { ...desk, topic, from, position, send }
  }

  const refuseBig = ({ id }: { id: string }, tx: SqliteTx) => {
    if (id.startsWith('big')) throw new Unprocessable('x'.repeat(1_000))
    record(id, tx)
  }

  it('puts a message aside whole that is as long as its topic allows', LONG, async () => {
    const { topic, kafka, once, from, send, position, effects } = await openLarge()
    const value = randomBytes(2_999_000)
    await send(value, 'big')
    await send(Buffer.from('next'), 'next')
    tidily(consume({ ...quick, ...from, once, handle: refuseBig }), (one) => one.stop())
    await until('all is committed', async () => (await position()) === 2, 40_000)
    expect(await effects()).toEqual(['next'])
    const [parked] = await readAll(kafka, deadTopic(topic), 1)
    expect(Buffer.compare(parked?.value as Buffer, value)).toBe(0)
    expect(parked?.headers).not.toHaveProperty('onlyonce-body-omitted')
  })

  it('leaves out of a copy what its topic does not take, and goes on', LONG, async () => {
    const { topic, kafka, admin, once, from, send, position, effects } = await openLarge()
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: deadTopic(topic), numPartitions: 1 }] })
    await send(randomBytes(2_000_000), 'big', { tenant: 'a' })
    await send(Buffer.from('small'), 'big headers', { tenant: randomBytes(1_000_000).toString('hex') })
    await send(Buffer.from('next'), 'next')
    tidily(consume({ ...quick, ...from, declare: false, once, handle: refuseBig }), (one) => one.stop())
    await until('all is committed', async () => (await position()) === 3, 40_000)
    expect(await effects()).toEqual(['next'])
    const parked = (await readAll(kafka, deadTopic(topic), 2)).map(({ key, value, headers }) => [
      ...[key === null ? null : String(key), value],
      Object.fromEntries(Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)])),
    ])
    const labels = { 'onlyonce-reason': 'x'.repeat(1_000), 'onlyonce-consumer': from.name }
    const common = { ...labels, 'onlyonce-body-omitted': 'too-long' }
    expect(parked).toEqual([
      ['k', null, { ...common, 'onlyonce-id': 'big', 'onlyonce-source': `${topic}/0/0`, tenant: 'a' }],
      [null, null, { ...common, 'onlyonce-source': `${topic}/0/1` }],
    ])
  })

  it('puts a message aside that has a header without a value, and goes on', LONG, async () => {
    const { topic, kafka, from, once, send, committed } = await openDesk(url, 1)
    const headers = { 'onlyonce-id': 'bad', none: null, some: ['a', null, 'b'] } as unknown as Record<string, string>
    const byteLength = Buffer.byteLength.bind(Buffer)
    // Other clients send such headers; kafkajs, which can read them, asks for the length of each value.
    const spy = vi.spyOn(Buffer, 'byteLength').mockImplementation((text) => (text === null ? 0 : byteLength(text)))
    await send({ key: 'k', value: 'x', headers }).finally(() => spy.mockRestore())
    const seen: unknown[] = []
    const handle = (message: { readonly headers: object }) => {
      seen.push(message.headers)
      throw new Unprocessable('no such customer')
    }
    let settled = 0
    const onEvent = ({ type }: ConsumerEvent) => void (type === 'settled' && settled++)
    tidily(consume({ ...quick, ...from, delivers: 'at-least-once', once, handle, onEvent }), (one) => one.stop())
    await until('it is put aside', () => settled === 1)
    const [copy] = await readAll(kafka, deadTopic(topic), 1)
    await until('it is committed', async () => (await committed()).get(0) === 1)
    expect(seen).toEqual([{ 'onlyonce-id': 'bad' }])
    expect(copy?.headers).toMatchObject({
      none: Buffer.from(''),
      some: [Buffer.from('a'), Buffer.from(''), Buffer.from('b')],
      'onlyonce-reason': Buffer.from('no such customer'),
    })
  })

  it('tells headers that are named like what every object has, and keeps them in a copy', LONG, async () => {
    const { topic, kafka, from, once, send } = await openDesk(url, 1)
    const headers = { 'onlyonce-id': 'bad', constructor: 'c', ['__proto__']: 'p', toString: ['t', 's'] }
    await send({ key: 'k', value: 'x', headers: headers as unknown as Record<string, string> })
    const seen: unknown[] = []
    const handle = ({ headers }: { readonly headers: object }) => {
      seen.push(...Object.entries(headers))
      throw new Unprocessable('no such customer')
    }
    const failures: string[] = []
    let settled = 0
    const onEvent = (event: ConsumerEvent) => {
      if (event.type === 'settled') settled++
      else if (event.verb === 'settle') failures.push(String(event.error))
    }
    tidily(consume({ ...quick, ...from, delivers: 'at-least-once', once, handle, onEvent }), (one) => one.stop())
    await until('it is put aside', () => settled === 1)
    expect(failures).toEqual([])
    expect(seen).toEqual([
      ['onlyonce-id', 'bad'],
      ['constructor', 'c'],
      ['__proto__', 'p'],
    ])
    const [copy] = await readAll(kafka, deadTopic(topic), 1)
    // kafkajs reads a member of Object before the values of each of them.
    const texts = Object.entries(copy?.headers ?? {}).map(([name, value]) => [
      name,
      [value].flat().slice(1).map(String),
    ])
    expect(texts).toContainEqual(['constructor', ['c']])
    expect(texts).toContainEqual(['__proto__', ['p']])
    expect(texts).toContainEqual(['toString', ['t', 's']])
  })

  it('puts a message aside once behind one that waits, whoever comes and goes', LONG, async () => {
    const { topic, from, once, kafka, admin, publish } = await openDesk(url, 1)
    const shared = (count: number) =>
      until(`the group has ${count} members`, async () => {
        const { groups } = await admin.describeGroups([from.groupId])
        return groups[0]?.state === 'Stable' && groups[0].members.length === count
      })
    const settled: string[] = []
    const handle = ({ id }: { id: string }) => {
      if (id === 'waits') throw new Error('not yet')
      throw new Unprocessable('no such customer')
    }
    const onEvent = (event: ConsumerEvent) => void (event.type === 'settled' && settled.push(event.delivery.id))
    const slow = { backoffMs: 60_000, maxBackoffMs: 60_000 }
    const begin = () => tidily(consume({ ...quick, ...from, ...slow, once, handle, onEvent }), (one) => one.stop())
    await publish(['waits', 'bad'])
    const first = begin()
    await until('it was put aside', () => settled.includes('bad'))
    const second = begin()
    await shared(2)
    await second.stop()
    await shared(1)
    await publish(['last'])
    await until('the last one is put aside', () => settled.includes('last'))
    await first.stop()
    const [end] = await admin.fetchTopicOffsets(deadTopic(topic))
    const copies = await readAll(kafka, deadTopic(topic), Number(end?.high))
    expect(copies.map(({ headers }) => String(headers?.['onlyonce-id']))).toEqual(['bad', 'last'])
  })

  it('copies that fail side by side say why, and end only the producer that failed', LONG, async () => {
    const { topic, kafka, admin } = await openDesk(url, 1)
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: deadTopic(topic), numPartitions: 1 }] })
    let made = 0
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const client: Pick<KafkaClient, 'producer'> = {
      producer(config) {
        made++
        const producer = (kafka as KafkaClient).producer(config)
        const send: typeof producer.send = async (what) => {
          if (what.messages[0]?.value === 'late') await released
          return producer.send(what)
        }
        return { ...producer, send }
      },
    }
    const letters = tidily(createDeadLetters(client), (one) => one.close())
    const missing = `${topic}-missing`
    const late = letters.send(missing, { value: 'late' })
    late.catch(() => {})
    await expect(letters.send(missing, { value: 'soon' })).rejects.toThrow(/topic/i)
    await letters.send(topic, { value: 'a' })
    release()
    await expect(late).rejects.toThrow(/topic/i)
    await letters.send(topic, { value: 'b' })
    expect(made).toBe(2)
    const both = await Promise.allSettled([1, 2].map(() => letters.send(missing, { value: 'x' })))
    expect(both.map((one) => one.status === 'rejected' && String(one.reason))).toEqual([
      expect.stringMatching(/topic/i),
      expect.stringMatching(/topic/i),
    ])
  })

  it('warns of a retention once, however often it connects', LONG, async () => {
    const { from, once, publish, effects } = await openDesk(url, 1)
    const warned: string[] = []
    const listen = (warning: Error & { readonly code?: string }) => {
      if (warning.code === 'ONLYONCE_RETENTION') warned.push(warning.message)
    }
    process.on('warning', listen)
    tidily(process, (one) => one.off('warning', listen))
    let consumers = 0
    const kafka: KafkaClient = {
      producer: (config) => from.kafka.producer(config),
      admin: () => from.kafka.admin(),
      consumer(config) {
        const consumer = (from.kafka as KafkaClient).consumer(config)
        if (++consumers > 3) return consumer
        return { ...consumer, connect: () => Promise.reject(new Error('no way')) }
      },
    }
    await publish(['a'])
    const failures: ConsumerEvent[] = []
    const onEvent = (event: ConsumerEvent) => void (event.type === 'broker-failed' && failures.push(event))
    const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
    const minute = { ...quick, ...from, kafka, once, handle, onEvent, retentionMs: 60_000 }
    tidily(consume(minute), (one) => one.stop())
    await until('it is handled', async () => (await effects()).length === 1)
    expect(failures).toHaveLength(3)
    expect(warned).toHaveLength(1)
  })
})
