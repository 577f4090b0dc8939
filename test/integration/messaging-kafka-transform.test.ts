import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { openTransacted } from '../../src/messaging/kafka/transacted.ts'
import {
  deadTopic,
  type KafkaClient,
  type TransformEvent,
  transform,
  Unprocessable,
} from '../../src/messaging/kafka.ts'
import { bundled } from '../support/bundle.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { openDesk, readAll, readCommitted, SOON } from './kafka-helpers.ts'
import { names } from './ledger.ts'

const LONG = { timeout: 120_000 }

describeWith('kafka', (url) => {
  async function openPlant(partitions = 2) {
    const desk = await openDesk(url, partitions)
    const out = `${desk.topic}-out`
    await desk.admin.createTopics({ waitForLeaders: true, topics: [{ topic: out, numPartitions: 1 }] })
    const groupId = `transform-${desk.topic}`
    const position = async () => {
      // A group that nobody has asked for before may have no coordinator yet.
      const [of] = await desk.admin.fetchOffsets({ groupId, topics: [desk.topic] }).catch(() => [])
      return of?.partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0) ?? 0
    }
    const options = { kafka: desk.kafka, topic: desk.topic, groupId, transactionalId: groupId, consumer: SOON }
    return { ...desk, out, position, options }
  }

  it('processes that die between producing and committing leave each output once', LONG, async () => {
    const { topic, kafka, admin, out, publish, position } = await openPlant()
    const ids = names('m', 50)
    await publish(ids)
    const worker = await bundled('test/integration/kafka-transform-worker.ts')
    let over = false
    let deaths = 0
    const run = async () => {
      // The first of each surely dies, or chance might let all of them live.
      for (let chance = 1; !over; chance = 0.2) {
        const child = spawn(process.execPath, [worker, url, topic, String(chance)], {
          stdio: ['ignore', 'inherit', 'inherit'],
        })
        tidily(child, (one) => one.kill('SIGKILL'))
        await new Promise((resolve) => child.once('exit', resolve))
        if (!over) deaths++
      }
    }
    void run()
    void run()
    await until('all is committed', async () => (await position()) === ids.length)
    over = true
    const [end] = await admin.fetchTopicOffsets(out)
    const outputs = (await readCommitted(kafka, out, BigInt(end?.high ?? 0))).map(({ value }) => String(value))
    expect(outputs.toSorted()).toEqual(ids.map((id) => `out of ${id}`))
    expect(deaths).toBeGreaterThan(0)
  })

  it('whoever had the partition before can commit nothing any more', LONG, async () => {
    const { topic, kafka, admin, out, position, options } = await openPlant(1)
    const open = () => openTransacted(kafka, admin, options.groupId, options.transactionalId, { topic, partition: 0 })
    const stretch = (next: string) => {
      const outputs = new Map([[out, [{ key: next, value: next }]]])
      return { topic, partition: 0, next, outputs }
    }
    const first = tidily(await open(), (one) => one.close())
    await first.commit(stretch('1'))
    const second = tidily(await open(), (one) => one.close())
    expect(second.position).toBe(1n)
    await expect(first.commit(stretch('2'))).rejects.toThrow()
    expect(await position()).toBe(1)
    await second.commit(stretch('3'))
    await until('it is committed', async () => (await position()) === 3)
  })

  it('a transaction that fails moves no offset and shows nothing', LONG, async () => {
    const { kafka, out, admin, publish, position, options } = await openPlant(1)
    await publish(names('m', 10))
    const events: TransformEvent[] = []
    const missing = `${out}-2`
    const running = tidily(
      transform({
        ...options,
        handle: ({ id }) => [
          { topic: out, body: id },
          { topic: missing, body: id },
        ],
        onEvent: (event) => void events.push(event),
      }),
      (one) => one.stop(),
    )
    await until('it was aborted', () => events.some(({ type }) => type === 'aborted'))
    expect(await position()).toBe(0)
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: missing, numPartitions: 1 }] })
    await until('all is committed', async () => (await position()) === 10)
    await running.stop()
    for (const topic of [out, missing]) {
      const outputs = (await readAll(kafka, topic, 10)).map(({ value }) => String(value))
      expect(outputs).toEqual(names('m', 10))
    }
  })

  it('puts a message aside in the transaction of the others', LONG, async () => {
    const { topic, kafka, out, publish, position, options } = await openPlant(1)
    await publish(['a', 'bad', 'b', 'refused'])
    let starts = 0
    tidily(
      transform({
        ...options,
        maxAttempts: 3,
        backoffMs: 5,
        handle({ id }) {
          if (id === 'bad' && ++starts > 0) throw new Error('never works')
          if (id === 'refused') throw new Unprocessable('no such customer')
          return [{ topic: out, body: id }]
        },
      }),
      (one) => one.stop(),
    )
    await until('all is committed', async () => (await position()) === 4)
    expect(starts).toBe(3)
    const parked = (await readAll(kafka, deadTopic(topic), 2)).map(({ headers }) => [
      String(headers?.['onlyonce-id']),
      String(headers?.['onlyonce-reason']),
      String(headers?.['onlyonce-consumer']),
    ])
    expect(parked).toEqual([
      ['bad', 'never works', options.groupId],
      ['refused', 'no such customer', options.groupId],
    ])
    const outputs = (await readAll(kafka, out, 2)).map(({ value, headers }) => [
      String(value),
      String(headers?.['onlyonce-id']),
    ])
    expect(outputs).toEqual([
      ['a', `${topic}/0/0/0`],
      ['b', `${topic}/0/2/0`],
    ])
  })

  it('leaves the body out of a copy that its topic does not take', LONG, async () => {
    const { topic, kafka, admin, out, producer, position, options } = await openPlant(1)
    const small = [{ name: 'max.message.bytes', value: '100000' }]
    const dead = { topic: deadTopic(topic), numPartitions: 1, configEntries: small }
    await admin.createTopics({ waitForLeaders: true, topics: [dead] })
    const value = (id: string) => (id.startsWith('big') ? randomBytes(200_000) : Buffer.from(id))
    const messages = ['a', 'big', 'bad', 'b'].map((id) => ({ value: value(id), headers: { 'onlyonce-id': id } }))
    await producer.send({ topic, acks: -1, messages })
    tidily(
      transform({
        ...options,
        handle({ id }) {
          if (id.startsWith('b') && id !== 'b') throw new Unprocessable('no such customer')
          return [{ topic: out, body: id }]
        },
      }),
      (one) => one.stop(),
    )
    await until('all is committed', async () => (await position()) === 4, 40_000)
    const parked = (await readAll(kafka, dead.topic, 2)).map(({ value, headers }) => [
      ...[String(headers?.['onlyonce-id']), value?.toString()],
      String(headers?.['onlyonce-body-omitted']),
    ])
    expect(parked).toEqual([
      ['big', undefined, 'too-long'],
      ['bad', 'bad', 'undefined'],
    ])
    expect((await readAll(kafka, out, 2)).map(({ value }) => String(value))).toEqual(['a', 'b'])
  })

  it('divides a transaction whose outputs are too long together', LONG, async () => {
    const { kafka, topic, out, publish, position, options } = await openPlant(1)
    await publish(names('m', 20))
    const events: TransformEvent[] = []
    tidily(
      transform({
        ...options,
        handle: () => [{ topic: out, body: randomBytes(100_000) }],
        onEvent: (event) => void events.push(event),
      }),
      (one) => one.stop(),
    )
    await until('all is committed', async () => (await position()) === 20, 40_000)
    const ids = (await readAll(kafka, out, 20)).map(({ headers }) => String(headers?.['onlyonce-id']))
    expect(ids).toEqual(Array.from({ length: 20 }, (_, offset) => `${topic}/0/${offset}/0`))
    expect(events.filter(({ type }) => type !== 'committed' && type !== 'aborted')).toEqual([])
  })

  it('a stop finishes the transaction that is under way', LONG, async () => {
    const { kafka, out, publish, position, options } = await openPlant(1)
    await publish(['a', 'b', 'c'])
    const events: TransformEvent[] = []
    let began = 0
    const running = transform({
      ...options,
      batchSize: 2,
      async handle({ id }) {
        began++
        await sleepMs(1_000)
        return [{ topic: out, body: id }]
      },
      onEvent: (event) => void events.push(event),
    })
    tidily(running, (one) => one.stop())
    await until('it began', () => began === 1)
    await running.stop()
    expect(events).toMatchObject([{ type: 'committed', inputs: 2 }])
    expect(await position()).toBe(2)
    expect((await readAll(kafka, out, 2)).map(({ value }) => String(value))).toEqual(['a', 'b'])
    expect(began).toBe(2)
  })

  it('ends the producer that it opened for a partition while that was given away', LONG, async () => {
    const { kafka, out, publish, position, options } = await openPlant(1)
    await publish(['a'])
    const open = new Set<unknown>()
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    let joined = 0
    const watched: KafkaClient = {
      admin: () => kafka.admin(),
      consumer(config) {
        const consumer = (kafka as KafkaClient).consumer(config)
        const on: typeof consumer.on = (event, listener) =>
          consumer.on(event, (what) => {
            listener(what)
            if (event === 'consumer.group_join') joined++
          })
        return { ...consumer, on }
      },
      producer(config) {
        const producer = (kafka as KafkaClient).producer(config)
        return {
          ...producer,
          async connect() {
            open.add(producer)
            await producer.connect()
            await released
          },
          disconnect() {
            open.delete(producer)
            return producer.disconnect()
          },
        }
      },
    }
    const handle = ({ id }: { id: string }) => [{ topic: out, body: id }]
    const first = tidily(transform({ ...options, kafka: watched, handle }), (one) => one.stop())
    await until('a producer is being opened', () => open.size === 1)
    const second = tidily(transform({ ...options, handle }), (one) => one.stop())
    await until('the group was shared out anew', () => joined > 1, 40_000)
    release()
    await until('it is committed', async () => (await position()) === 1)
    await Promise.all([first.stop(), second.stop()])
    await until('all are ended', () => open.size === 0)
  })

  it('refuses options that it cannot keep', async () => {
    const { options } = await openPlant(1)
    const handle = () => []
    expect(() => transform({ ...options, handle, transactionalId: '' })).toThrow(/option `transactionalId`/)
    expect(() => transform({ ...options, handle: undefined as never })).toThrow(/option `handle` is required/)
    expect(() => transform({ ...options, handle, batchSize: 0 })).toThrow(/option `batchSize`/)
    const unknown = { ...options, handle, order: 'partition' }
    expect(() => transform(unknown)).toThrow(/option `order` is not an option; there are kafka, topic, .*runtime/)
  })
})
