import { connect } from 'amqplib'
import { expect, expectTypeOf, it } from 'vitest'
import type { PublishResult } from '../../src/core/publisher.ts'
import type { OutboxMessage } from '../../src/core/store.ts'
import {
  type ConsumerEvent,
  consume,
  publisher,
  type RabbitChannel,
  type RabbitPublisherOptions,
} from '../../src/messaging/rabbitmq.ts'
import { tidily } from '../support/leftovers.ts'
import { createProxy } from '../support/proxy.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { open, openDesk } from './rabbitmq-helpers.ts'

const LONG = { timeout: 60_000 }

const message = (topic: string, id: string, change: Partial<OutboxMessage> = {}): OutboxMessage => ({
  id,
  topic,
  body: Buffer.from(`body of ${id}`),
  headers: {},
  ...change,
})

describeWith('rabbitmq', (url) => {
  const over = (options: RabbitPublisherOptions) => tidily(publisher(options), (one) => one.close())

  it('takes a confirm channel of amqplib', () => {
    type Channel = Awaited<ReturnType<Awaited<ReturnType<typeof open>>['createConfirmChannel']>>
    expectTypeOf<Channel>().toExtend<RabbitChannel>()
  })

  it('a message that reaches no queue is refused alone, with what to do, by queue and by exchange', LONG, async () => {
    const { queue, channel, count } = await openDesk(url)
    const publish = over({ connection: () => connect(url) })
    expect(await publish([message(queue, 'a'), message(`${queue}.nowhere`, 'b'), message(queue, 'c')])).toEqual([
      { ok: true },
      { ok: false, reason: `there is no queue ${queue}.nowhere: declare it` },
      { ok: true },
    ])
    await channel.assertExchange(`${queue}.x`, 'direct', { autoDelete: true })
    await channel.bindQueue(queue, `${queue}.x`, 'paid')
    const routed = over({ connection: () => connect(url), exchange: `${queue}.x` })
    expect(await routed([message('paid', 'd'), message('sent', 'e')])).toEqual([
      { ok: true },
      { ok: false, reason: `the exchange ${queue}.x has no queue for sent: bind one` },
    ])
    expect(await count()).toBe(3)
  })

  it(
    'says when a message was published, and a consumer reads it, also from a copy that was sent round',
    LONG,
    async () => {
      const { queue, once } = await openDesk(url)
      const before = Date.now()
      await over({ connection: () => connect(url) })([message(queue, 'a')])
      const told: (number | undefined)[] = []
      const onEvent = (event: ConsumerEvent) => {
        if (event.type === 'settled') told.push(event.delivery.publishedAt)
      }
      const handle = () => {
        if (told.length === 0) throw new Error('not yet')
      }
      const rules = { once, name: 'ledger', delivers: 'at-least-once', backoffMs: 1, queue, onEvent, handle } as const
      tidily(consume({ ...rules, connection: () => connect(url) }), (one) => one.stop())
      await until('it is handled', () => told.length === 2)
      expect(told[0]).toBeGreaterThanOrEqual(before - 1_000)
      expect(told[0]).toBeLessThanOrEqual(Date.now())
      expect(told[1]).toBe(told[0])
    },
  )

  it('what one queue of an exchange refuses may be in another one: that is unknown', LONG, async () => {
    const { queue, channel, count } = await openDesk(url)
    const full = `${queue}.full`
    await channel.assertQueue(full, { arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' } })
    tidily(full, (name) => channel.deleteQueue(name))
    await channel.assertExchange(`${queue}.both`, 'fanout', { autoDelete: true })
    for (const to of [full, queue]) await channel.bindQueue(to, `${queue}.both`, '')
    const publish = over({ connection: () => connect(url), exchange: `${queue}.both` })
    const results = await publish(['a', 'b', 'c', 'd'].map((id) => message('paid', id)))
    expect(results.at(-1)).toEqual({ ok: false, reason: expect.stringContaining('did not take'), unknown: true })
    await until('the other queue has all of them', async () => (await count()) === 4)
  })

  it('what RabbitMQ refuses is not ok: a queue that is full', LONG, async () => {
    const { queue, channel } = await openDesk(url)
    const full = `${queue}.full`
    const limits = { 'x-max-length': 1, 'x-overflow': 'reject-publish' }
    await channel.assertQueue(full, { durable: true, arguments: limits })
    tidily(full, (name) => channel.deleteQueue(name))
    const publish = over({ connection: () => connect(url) })
    const results = await publish(['a', 'b', 'c', 'd'].map((id) => message(full, id)))
    // It takes a few more than it says, and refuses the rest.
    expect(results[0]).toEqual({ ok: true })
    expect(results.at(-1)).toEqual({ ok: false, reason: expect.stringContaining('did not take') })
    expect((await publish([message(queue, 'e')]))[0]).toEqual({ ok: true })
  })

  it('what has no form in AMQP is refused for good, and its neighbours are sent', LONG, async () => {
    const { queue, count } = await openDesk(url)
    const publish = over({ connection: () => connect(url) })
    const results = await publish([
      message(queue, 'a'),
      message(queue, 'x'.repeat(256)),
      message('x'.repeat(256), 'b'),
      message(queue, 'c', { headers: { CC: 'elsewhere' } }),
      message(queue, 'd', { headers: { ['x'.repeat(256)]: '' } }),
      message(queue, ''),
      message(queue, 'e'),
    ])
    expect(results.map((one) => (one.ok ? 'ok' : one.permanent))).toEqual(['ok', true, true, true, true, true, 'ok'])
    expect(await count()).toBe(2)
  })

  it('a client that has no room is waited for, and nothing is sent twice for it', LONG, async () => {
    const { queue, count } = await openDesk(url)
    const connection = tidily(await open(url), (one) => one.close())
    const channel = await connection.createConfirmChannel()
    let full = 0
    const send = channel.publish.bind(channel)
    channel.publish = (...args) => {
      const hasRoom = send(...args)
      if (!hasRoom) full++
      return hasRoom
    }
    const publish = over({ channel })
    // The client counts frames that it has not written yet, and has room for 1 024.
    const results = await publish(Array.from({ length: 3_000 }, (_, at) => message(queue, `m${at}`)))
    expect(results.every(({ ok }) => ok)).toBe(true)
    expect(full).toBeGreaterThan(0)
    expect(full).toBeLessThan(10)
    expect(await count()).toBe(3_000)
  })

  it('a connection that is lost before the answer: nothing is ok, and the next call opens another', LONG, async () => {
    const { queue, count } = await openDesk(url)
    const proxy = tidily(await createProxy(Number(new URL(url).port)), (one) => one.close())
    const through = new URL(url)
    through.port = String(proxy.port)
    const publish = over({ connection: () => connect(through.href) })
    expect(await publish([message(queue, 'a')])).toEqual([{ ok: true }])
    // RabbitMQ gets it, and its answer does not arrive.
    proxy.onReply = () => 'drop'
    const answer = publish([message(queue, 'b'), message(queue, 'c')]).then(
      () => 'answered',
      (error: Error) => error.message,
    )
    await until('RabbitMQ has them', async () => (await count()) === 3)
    proxy.onReply = undefined
    proxy.cut()
    expect(await answer).toContain('the channel was closed before RabbitMQ answered')
    await expect(publish([message(queue, 'b')])).rejects.toThrow()
    proxy.resume()
    let results: readonly PublishResult[] = []
    await until('it goes on', async () => {
      results = await publish([message(queue, 'b'), message(queue, 'c')]).catch(() => [])
      return results.length > 0
    })
    expect(results).toEqual([{ ok: true }, { ok: true }])
    expect(await count()).toBe(5)
  })

  it('a channel of the caller is shared with him, and not closed', LONG, async () => {
    const { queue, channel, count } = await openDesk(url)
    const publish = publisher({ channel })
    const other = publisher({ channel })
    const missing = `${queue}.nowhere`
    const [results, others] = await Promise.all([
      publish([message(queue, 'a'), message(missing, 'b')]),
      other([message(missing, 'c'), message(queue, 'd')]),
    ])
    channel.sendToQueue(queue, Buffer.from('mine'), { messageId: 'mine' })
    expect([results, others].map((one) => one.map(({ ok }) => ok))).toEqual([
      [true, false],
      [false, true],
    ])
    await publish.close()
    await channel.waitForConfirms()
    expect(await count()).toBe(3)
    await channel.close()
    await expect(publish([message(queue, 'e')])).rejects.toThrow('the channel was closed')
  })

  it('closes what it opened, and publishes nothing afterwards', LONG, async () => {
    const { queue } = await openDesk(url)
    const connections: Awaited<ReturnType<typeof open>>[] = []
    const closed: string[] = []
    const publish = publisher({
      async connection() {
        const connection = await connect(url)
        connection.on('close', () => closed.push('closed'))
        connections.push(connection)
        return connection
      },
    })
    await publish([message(queue, 'a')])
    await publish.close()
    await until('its connection is closed', () => closed.length === 1)
    await expect(publish([message(queue, 'b')])).rejects.toThrow('the publisher is closed')
    expect(connections).toHaveLength(1)
    const own = tidily(await open(url), (one) => one.close())
    const borrowed = publisher({ connection: own })
    await borrowed([message(queue, 'c')])
    await borrowed.close()
    await sleepMs(50)
    await (await own.createChannel()).close()
  })

  it('an exchange that is not there fails the call with its name, and harms no later one', LONG, async () => {
    const { queue } = await openDesk(url)
    const publish = over({ connection: () => connect(url), exchange: `${queue}.none` })
    await expect(publish([message('a', 'a')])).rejects.toThrow(`${queue}.none`)
    await expect(publish([message('a', 'a')])).rejects.toThrow(`${queue}.none`)
  })

  it.each<[object, string]>([
    [{}, 'connection'],
    [{ connection: 'amqp://127.0.0.1' }, 'connection'],
    [{ channel: {} }, 'channel'],
    [{ connection: () => {}, channel: { publish() {}, waitForConfirms() {} } }, 'channel'],
    [{ connection: () => {}, exchange: 7 }, 'exchange'],
    [{ connection: () => {}, queue: 'orders' }, 'queue'],
  ])('refuses %j', (options, name) => {
    expect(() => publisher(options as never)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    expect(() => publisher(options as never)).toThrow(`\`${name}\``)
  })
})
