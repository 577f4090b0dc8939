import type { Kafka } from 'kafkajs'
import { expect, expectTypeOf, it } from 'vitest'
import { consume, type KafkaClient, Unprocessable } from '../../src/messaging/kafka.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { openDesk, quick } from './kafka-helpers.ts'
import { names, settledBy, stumbling } from './ledger.ts'
import { record } from './ledger-store.ts'

const LONG = { timeout: 90_000 }

describeWith('kafka', (url) => {
  it('takes a client of kafkajs', () => {
    expectTypeOf<Kafka>().toExtend<KafkaClient>()
  })

  it('a message that is published twice takes effect once, and both are committed', LONG, async () => {
    const { once, from, publish, effects, behind } = await openDesk(url)
    await publish(['a', 'a', 'b'])
    const settled = await settledBy(3, (onEvent) => {
      const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
      tidily(consume({ ...quick, ...from, once, onEvent, handle }), (one) => one.stop())
    })
    expect(settled.sort()).toEqual(['a ack', 'a ack', 'b ack'])
    expect(await effects()).toEqual(['a', 'b'])
    await until('all is committed', async () => (await behind()) === 0)
  })

  it('one that fails comes again, and one that always fails is put aside whole', LONG, async () => {
    const { topic, once, from, publish, effects, behind, dead } = await openDesk(url, 1)
    await publish(['bad', 'shaky', 'good', 'refused'])
    const starts: string[] = []
    const settled = await settledBy(7, (onEvent) => {
      const handle = ({ id }: { id: string }, tx: SqliteTx) => {
        starts.push(id)
        record(id, tx)
        if (id === 'bad') throw new Error('never works')
        if (id === 'refused') throw new Unprocessable('no such customer')
        if (id === 'shaky' && starts.filter((one) => one === id).length === 1) throw new Error('not yet')
      }
      tidily(consume({ ...quick, ...from, maxAttempts: 3, once, onEvent, handle }), (one) => one.stop())
    })
    expect(settled.sort()).toEqual([
      ...['bad dead-letter', 'bad retry', 'bad retry', 'good ack'],
      ...['refused dead-letter', 'shaky ack', 'shaky retry'],
    ])
    expect((await effects()).toSorted()).toEqual(['good', 'shaky'])
    expect(starts.filter((id) => id === 'bad')).toHaveLength(3)
    const parked = (await dead(2)).map(({ value, headers = {} }) => [
      String(value),
      String(headers['onlyonce-reason']),
      String(headers['onlyonce-source']),
      String(headers['onlyonce-consumer']),
    ])
    expect(parked.toSorted()).toEqual([
      ['body of bad', 'never works', `${topic}/0/0`, 'ledger'],
      ['body of refused', 'no such customer', `${topic}/0/3`, 'ledger'],
    ])
    await until('all is committed', async () => (await behind()) === 0)
  })

  it('puts aside, byte for byte, what has no id, two, or one that is no text', LONG, async () => {
    const { once, from, send, behind, dead, effects } = await openDesk(url, 1)
    const big = Buffer.alloc(900_000, 7)
    await send({ key: Buffer.from([255, 0]), value: Buffer.from([0, 255, 1]) })
    await send({ value: 'two', headers: { 'onlyonce-id': ['a', 'b'] } })
    await send({ value: null, headers: { 'onlyonce-id': Buffer.from([0xff, 0xfe]) } })
    await send({ value: big, headers: { 'onlyonce-id': 'big' } })
    await settledBy(4, (onEvent) => {
      const handle = ({ id, body }: { id: string; body: Uint8Array }, tx: SqliteTx) => {
        if (Buffer.compare(body, big) !== 0) throw new Error('not the bytes that were sent')
        record(id, tx)
      }
      tidily(consume({ ...quick, ...from, once, onEvent, handle }), (one) => one.stop())
    })
    const parked = await dead(3)
    const read = (bytes: unknown) => (bytes instanceof Buffer ? [...bytes] : bytes)
    const sorted = parked.toSorted((a, b) =>
      String(a.headers?.['onlyonce-source']) < String(b.headers?.['onlyonce-source']) ? -1 : 1,
    )
    expect(sorted.map(({ key, value }) => [read(key), read(value)])).toEqual([
      [
        [255, 0],
        [0, 255, 1],
      ],
      [null, [...Buffer.from('two')]],
      [null, null],
    ])
    expect(sorted[1]?.headers?.['onlyonce-id']?.toString()).toBe('a,b')
    expect(read(sorted[2]?.headers?.['onlyonce-id'])).toEqual([0xff, 0xfe])
    expect(await effects()).toEqual(['big'])
    await until('all is committed', async () => (await behind()) === 0)
  })

  it('never commits past a message that is not settled', LONG, async () => {
    const { once, from, publish, committed } = await openDesk(url, 1)
    await publish(['slow', ...names('m', 30)])
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const done: string[] = []
    const handle = async ({ id }: { id: string }) => {
      if (id === 'slow') await released
      else done.push(id)
    }
    // Leased: a transaction that is held open would keep the others from the database.
    const leased = { ...quick, ...from, delivers: 'at-least-once', once, concurrency: 4, handle } as const
    tidily(consume(leased), (one) => one.stop())
    tidily(release, (end) => end())
    await until('the others are done', () => done.length === 30)
    await sleepMs(500)
    expect(await committed()).toEqual(new Map([[0, 0]]))
    release()
    await until('all is committed', async () => (await committed()).get(0) === 31)
  })

  it('handles messages with the same key in order, also when one fails first', LONG, async () => {
    const { once, from, publish, effects } = await openDesk(url)
    for (let i = 100; i < 110; i++) for (const key of ['x', 'y', 'z']) await publish([`${key}${i}`], key)
    const handle = stumbling()
    await settledBy(33, (onEvent) => {
      tidily(consume({ ...quick, ...from, once, onEvent, handle }), (one) => one.stop())
    })
    const done = await effects()
    for (const key of ['x', 'y', 'z']) expect(done.filter((id) => id.startsWith(key))).toEqual(names(key, 10))
  })

  it('handles a whole partition in order where asked to', LONG, async () => {
    const { once, from, publish, effects } = await openDesk(url, 1)
    await publish(names('m', 20))
    const handle = stumbling()
    await settledBy(22, (onEvent) => {
      tidily(consume({ ...quick, ...from, order: 'partition', once, onEvent, handle }), (one) => one.stop())
    })
    expect(await effects()).toEqual(names('m', 20))
  })

  it('holds no more of a partition than it was told to, and goes on when there is room', LONG, async () => {
    const { once, from, publish, behind } = await openDesk(url, 1)
    for (let i = 0; i < 10; i++) await publish(names(`${i}m`, 20))
    let fetched = 0
    const kafka: KafkaClient = {
      producer: (config) => from.kafka.producer(config),
      admin: () => from.kafka.admin(),
      consumer(config) {
        const consumer = (from.kafka as KafkaClient).consumer(config)
        const run: typeof consumer.run = (how) =>
          consumer.run({
            ...how,
            eachBatch(payload) {
              fetched += payload.batch.messages.length
              return how.eachBatch(payload)
            },
          })
        return { ...consumer, run }
      },
    }
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const done = new Set<string>()
    const handle = async ({ id }: { id: string }) => {
      await released
      done.add(id)
    }
    const rules = { ...quick, ...from, delivers: 'at-least-once', kafka, once, handle, prefetch: 50 } as const
    const small = { ...rules.consumer, maxBytesPerPartition: 2_000 }
    tidily(consume({ ...rules, consumer: small }), (one) => one.stop())
    tidily(release, (end) => end())
    await until('enough is held', () => fetched > 50)
    await sleepMs(1_000)
    expect(fetched).toBeLessThan(100)
    release()
    await until('all is committed', async () => (await behind()) === 0)
    expect(done.size).toBe(200)
  })

  it('a stop finishes what began and leaves the rest uncommitted', LONG, async () => {
    const { once, from, publish, effects, committed } = await openDesk(url, 1)
    await publish(names('m', 20))
    let began = 0
    const handle = async ({ id }: { id: string }, tx: SqliteTx) => {
      began++
      await sleepMs(300)
      record(id, tx)
    }
    const consumer = consume({ ...quick, ...from, once, order: 'partition', handle })
    await until('some began', () => began === 2)
    await consumer.stop()
    const done = await effects()
    expect(done).toEqual(names('m', began))
    expect(await committed()).toEqual(new Map([[0, began]]))
  })
})
