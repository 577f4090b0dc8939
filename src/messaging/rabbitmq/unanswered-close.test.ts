import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import type { RabbitChannel, RabbitConnection, RabbitMessage } from './client.ts'
import { keepLinked } from './link.ts'
import { keepSender } from './sender.ts'

/** What amqplib 2.3.1 answers to a close when the connection ends before RabbitMQ has answered: nothing, ever. */
const never = () => new Promise<never>(() => {})

function channelThat(close: () => Promise<unknown>) {
  const events = new EventEmitter()
  let deliver: (message: RabbitMessage | null) => void = () => {}
  const channel = {
    on: (name: string, listener: () => void) => events.on(name, listener),
    assertQueue: async () => {},
    prefetch: async () => {},
    async consume(_queue: string, onMessage: typeof deliver) {
      deliver = onMessage
      return { consumerTag: 't' }
    },
    cancel: async () => {},
    close,
  } as unknown as RabbitChannel
  return { channel, endedByBroker: () => deliver(null) }
}

function connectionWith(channel: RabbitChannel, close: () => Promise<unknown>): RabbitConnection {
  return { createConfirmChannel: async () => channel, on: () => {}, close }
}

it('a consumer goes on over a new channel when neither close of the old one is ever answered', async () => {
  const runtime = fakeRuntime()
  const first = channelThat(never)
  const opened: RabbitConnection[] = []
  const connection = async () => {
    const next = opened.length === 0 ? first.channel : channelThat(async () => {}).channel
    opened.push(connectionWith(next, opened.length === 0 ? never : async () => {}))
    return opened.at(-1) as RabbitConnection
  }
  const link = keepLinked({ connection, queue: 'q', declare: true }, { prefetch: 1, maxBackoffMs: 1_000 }, runtime, {
    onMessage: () => {},
    onGone: () => {},
    onFailure: () => {},
  })
  await runtime.advance(1_000)
  first.endedByBroker()
  await runtime.advance(60_000)
  expect(opened).toHaveLength(2)
  const closed = link.close()
  await runtime.advance(10_000)
  await closed
})

it('a publisher is closed when neither close is ever answered', async () => {
  const runtime = fakeRuntime()
  const sender = keepSender(async () => connectionWith(channelThat(never).channel, never), runtime)
  await sender.open()
  let closed = false
  void sender.close().then(() => {
    closed = true
  })
  await runtime.advance(60_000)
  expect(closed).toBe(true)
})

it('a publisher says why it could not open a channel, though the close of its connection is never answered', async () => {
  const runtime = fakeRuntime()
  const createConfirmChannel = () => Promise.reject(new Error('no more channels'))
  const sender = keepSender(async () => ({ createConfirmChannel, on: () => {}, close: never }), runtime)
  const reasons: unknown[] = []
  sender.open().catch((error) => reasons.push(error))
  await runtime.advance(60_000)
  expect(reasons).toEqual([new Error('no more channels')])
})

it('a stop closes the connection that was opened for it, though the close of its channel is never answered', async () => {
  const runtime = fakeRuntime()
  let closes = 0
  const connection = async () => connectionWith(channelThat(never).channel, async () => void closes++)
  const link = keepLinked({ connection, queue: 'q', declare: true }, { prefetch: 1, maxBackoffMs: 1_000 }, runtime, {
    onMessage: () => {},
    onGone: () => {},
    onFailure: () => {},
  })
  await runtime.advance(1_000)
  const closed = link.close()
  await runtime.advance(10_000)
  await closed
  expect(closes).toBe(1)
})
