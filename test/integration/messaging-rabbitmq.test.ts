import { expect, expectTypeOf, it } from 'vitest'
import {
  type ConsumerEvent,
  consume,
  deadQueue,
  type RabbitConnection,
  Unprocessable,
} from '../../src/messaging/rabbitmq.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { tidily } from '../support/leftovers.ts'
import { createProxy } from '../support/proxy.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { names, settledBy, stumbling } from './ledger.ts'
import { record } from './ledger-store.ts'
import { open, openDesk } from './rabbitmq-helpers.ts'

const LONG = { timeout: 60_000 }

describeWith('rabbitmq', (url) => {
  const rules = { name: 'ledger', delivers: 'exactly-once-effect', backoffMs: 20, maxBackoffMs: 100 } as const
  const quickly = { ...rules, connection: () => open(url) }

  it('takes a connection of amqplib', () => {
    expectTypeOf<Awaited<ReturnType<typeof open>>>().toExtend<RabbitConnection>()
  })

  it('a message that is published twice takes effect once, and both are acknowledged', LONG, async () => {
    const { once, queue, publish, effects, count } = await openDesk(url)
    await publish(['a', 'a', 'b'])
    const settled = await settledBy(3, (onEvent) => {
      const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
      tidily(consume({ ...quickly, once, queue, onEvent, handle }), (one) => one.stop())
    })
    expect(settled.sort()).toEqual(['a ack', 'a ack', 'b ack'])
    expect(await effects()).toEqual(['a', 'b'])
    expect(await count()).toBe(0)
  })

  it(
    'one that fails comes again by way of the retry queue; one that always fails is put aside whole',
    LONG,
    async () => {
      const { once, queue, publish, effects, count, dead } = await openDesk(url)
      await publish(['bad', 'shaky', 'good', 'refused'])
      const starts: string[] = []
      const settled = await settledBy(7, (onEvent) => {
        const handle = ({ id, redelivered }: { id: string; redelivered: boolean }, tx: SqliteTx) => {
          starts.push(id)
          record(id, tx)
          if (id === 'bad') throw new Error('never works')
          if (id === 'refused') throw new Unprocessable('no such customer')
          if (id === 'shaky' && !redelivered) throw new Error('not yet')
        }
        tidily(consume({ ...quickly, maxAttempts: 3, once, queue, onEvent, handle }), (one) => one.stop())
      })
      expect(settled.sort()).toEqual([
        ...['bad dead-letter', 'bad retry', 'bad retry', 'good ack'],
        ...['refused dead-letter', 'shaky ack', 'shaky retry'],
      ])
      expect((await effects()).toSorted()).toEqual(['good', 'shaky'])
      expect(starts.filter((id) => id === 'bad')).toHaveLength(3)
      const parked = [await dead(), await dead()].sort((a, b) =>
        a!.properties.messageId < b!.properties.messageId ? -1 : 1,
      )
      expect(parked.map((one) => one?.content.toString())).toEqual(['body of bad', 'body of refused'])
      expect(parked.map((one) => one?.properties.headers?.['onlyonce-reason'])).toEqual([
        'never works',
        'no such customer',
      ])
      for (const one of parked)
        expect(one?.properties.headers).toMatchObject({ 'onlyonce-consumer': 'ledger', 'onlyonce-source': queue })
      expect(await count()).toBe(0)
    },
  )

  it('what was routed to several queues by its own header is put aside here, and once', LONG, async () => {
    const { once, queue, channel, count, dead } = await openDesk(url)
    const audit = `${queue}.audit`
    await channel.assertQueue(audit)
    tidily(audit, (name) => channel.deleteQueue(name))
    channel.sendToQueue(audit, Buffer.from('x'), { messageId: 'bad', CC: [queue] })
    await channel.waitForConfirms()
    let starts = 0
    const settled = await settledBy(2, (onEvent) => {
      const handle = () => {
        starts++
        throw new Error('never works')
      }
      tidily(consume({ ...quickly, maxAttempts: 2, once, queue, onEvent, handle }), (one) => one.stop())
    })
    // A copy that is routed once more is here before the next one is.
    await sleepMs(500)
    expect(settled).toEqual(['bad retry', 'bad dead-letter'])
    expect(starts).toBe(2)
    expect(await count(deadQueue(queue))).toBe(1)
    expect((await dead())?.properties.headers).not.toHaveProperty('CC')
    expect([await count(), await count(audit)]).toEqual([0, 1])
  })

  it('a message without an id is put aside', LONG, async () => {
    const { once, queue, channel, dead } = await openDesk(url)
    channel.sendToQueue(queue, Buffer.from([0, 255, 1]), {})
    await settledBy(1, (onEvent) => {
      tidily(consume({ ...quickly, once, queue, onEvent, handle: () => {} }), (one) => one.stop())
    })
    expect([...((await dead())?.content ?? [])]).toEqual([0, 255, 1])
  })

  it.each([
    ['more headers than the client sends', { trace: 'x'.repeat(65_450) }],
    ['a number that the client does not send', { score: { '!': 'double', value: -1e300 } }],
  ])('one with %s is put aside without headers', LONG, async (_what, headers) => {
    const { once, queue, channel, count, dead } = await openDesk(url)
    const timestamp = Math.floor(Date.now() / 1_000)
    channel.sendToQueue(queue, Buffer.from([0, 255, 1]), { messageId: 'bad', timestamp, headers })
    await channel.waitForConfirms()
    const settled = await settledBy(2, (onEvent) => {
      const handle = () => {
        throw new Error('never works')
      }
      tidily(consume({ ...quickly, maxAttempts: 2, once, queue, onEvent, handle }), (one) => one.stop())
    })
    expect(settled).toEqual(['bad retry', 'bad dead-letter'])
    const parked = await dead()
    expect([...(parked?.content ?? [])]).toEqual([0, 255, 1])
    expect(parked?.properties).toMatchObject({ messageId: 'bad', timestamp })
    expect(parked?.properties.headers).toMatchObject({
      'onlyonce-consumer': 'ledger',
      'onlyonce-source': queue,
      'onlyonce-reason': expect.stringMatching(/^its headers cannot be sent again.*; never works$/),
    })
    expect(Object.keys(parked?.properties.headers ?? {})).not.toContain(Object.keys(headers)[0])
    await until('nothing is left', async () => (await count()) === 0)
  })

  it('a message that cannot be put aside stays where it is', LONG, async () => {
    const { once, queue, channel, publish, count } = await openDesk(url)
    await channel.deleteQueue(deadQueue(queue))
    await publish(['bad'])
    const failures: string[] = []
    const onEvent = (event: ConsumerEvent) =>
      void (event.type === 'broker-failed' && failures.push(`${event.verb} ${event.error}`))
    const handle = () => {
      throw new Unprocessable('no such customer')
    }
    const consumer = consume({ ...quickly, declare: false, once, queue, onEvent, handle })
    await until('it was refused', () => failures.length > 0)
    await sleepMs(300)
    expect(failures.length).toBeLessThan(5)
    await consumer.stop()
    expect(failures[0]).toBe(`settle Error: there is no queue ${deadQueue(queue)}: declare it`)
    // The broker puts back what a closed channel held in its own time.
    await until('it is back in its queue', async () => (await count()) === 1)
  })

  it('handles messages with the same ordering key in order, also when one fails first', LONG, async () => {
    const { once, queue, publish, effects } = await openDesk(url)
    for (let i = 100; i < 110; i++) for (const key of ['x', 'y', 'z']) await publish([`${key}${i}`], key)
    const handle = stumbling()
    await settledBy(33, (onEvent) => {
      tidily(consume({ ...quickly, once, queue, onEvent, handle }), (one) => one.stop())
    })
    const done = await effects()
    for (const key of ['x', 'y', 'z']) expect(done.filter((id) => id.startsWith(key))).toEqual(names(key, 10))
  })

  it('an acknowledgement that is lost leads to a second delivery and no second effect', LONG, async () => {
    const { once, queue, channel, publish, effects } = await openDesk(url)
    const proxy = tidily(await createProxy(Number(new URL(url).port)), (one) => one.close())
    const ids = names('m', 30)
    await publish(ids)
    let cuts = 0
    // A method frame of class 60 (basic), method 80 (ack).
    const isAck = (chunk: Buffer) => chunk.includes(Buffer.from([0, 60, 0, 80]))
    proxy.onRequest = (chunk) => (isAck(chunk) && cuts < 4 && ++cuts > 0 ? 'cut' : undefined)
    let redelivered = 0
    const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
    const connection = () => open(`amqp://127.0.0.1:${proxy.port}`)
    const onEvent = (event: ConsumerEvent) => {
      if (event.type === 'settled' && event.delivery.redelivered) redelivered++
    }
    const consumer = consume({ ...rules, connection, once, queue, concurrency: 4, handle, onEvent })
    await until('all took effect', async () => (await effects()).length >= ids.length && cuts === 4)
    // The broker puts back what a lost connection held in its own time, when it also forgets its consumer.
    await until('what was not acknowledged came again', async () => {
      const { messageCount, consumerCount } = await channel.checkQueue(queue)
      return redelivered > 0 && consumerCount === 1 && messageCount === 0 && consumer.running === 0
    })
    await consumer.stop()
    expect((await effects()).toSorted()).toEqual(ids)
  })

  it('goes on when the broker ends its consumer', LONG, async () => {
    const { once, queue, channel, publish, effects } = await openDesk(url)
    const failures: unknown[] = []
    const handle = ({ id }: { id: string }, tx: SqliteTx) => void record(id, tx)
    const onEvent = (event: ConsumerEvent) => void (event.type === 'broker-failed' && failures.push(event.error))
    tidily(consume({ ...quickly, once, queue, handle, onEvent }), (one) => one.stop())
    await publish(['before'])
    await until('the first took effect', async () => (await effects()).length === 1)
    await channel.deleteQueue(queue)
    await until('it is noticed', () => failures.length > 0)
    expect(String(failures[0])).toContain('ended the consumer')
    const again = tidily(await open(url), (one) => one.close())
    // To ask for a queue that is not there costs the channel.
    const consumers = async () => {
      const asking = await again.createChannel()
      asking.on('error', () => {})
      const there = await asking.checkQueue(queue).catch(() => undefined)
      if (there !== undefined) await asking.close()
      return there?.consumerCount ?? 0
    }
    await until('there is a consumer again', async () => (await consumers()) > 0)
    const other = await again.createConfirmChannel()
    other.sendToQueue(queue, Buffer.from('x'), { messageId: 'after' })
    await other.waitForConfirms()
    await until('the second took effect', async () => (await effects()).length === 2)
  })

  it('a stop finishes what began and gives the rest back, in order', LONG, async () => {
    const { once, queue, channel, publish, effects, count } = await openDesk(url)
    await publish(names('m', 20))
    let began = 0
    const handle = async ({ id }: { id: string }, tx: SqliteTx) => {
      began++
      await sleepMs(300)
      record(id, tx)
    }
    const consumer = consume({ ...quickly, once, queue, concurrency: 3, handle })
    await until('some began', () => began === 3)
    await consumer.stop()
    const done = await effects()
    expect(done).toHaveLength(began)
    // The broker takes them back in its own time.
    await until('the rest is back', async () => (await count()) === 20 - began)
    const next = await channel.get(queue)
    expect(next ? next.properties.messageId : next).toBe(names('m', 20)[began])
  })
})
