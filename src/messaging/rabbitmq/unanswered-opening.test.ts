import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import type { RabbitChannel, RabbitConnection } from './client.ts'
import { keepLinked } from './link.ts'
import { keepSender } from './sender.ts'

const OPEN_LIMIT_MS = 60_000
const LONGEST_PAUSE_MS = 10_000

/** A broker of which one step is not answered the first time, until `answer`. */
function brokerSilentAt(silent: 'connection' | 'createConfirmChannel' | 'assertQueue' | 'consume') {
  const closed: string[] = []
  let answers: () => void = () => {}
  let waited = false
  const step = async <T>(name: string, made: T): Promise<T> => {
    if (name !== silent || waited) return made
    waited = true
    return new Promise((resolve) => {
      answers = () => resolve(made)
    })
  }
  const closable = (name: string) => {
    const events = new EventEmitter()
    return {
      on: events.on.bind(events),
      async close() {
        // An error that nobody listens for ends the process.
        closed.push(events.listenerCount('error') > 0 ? name : `${name}, unheard`)
      },
    }
  }
  let connections = 0
  const connection = () => {
    const number = ++connections
    const channel = {
      ...closable(`channel ${number}`),
      assertQueue: () => step('assertQueue', {}),
      prefetch: async () => {},
      consume: () => step('consume', { consumerTag: 't' }),
      cancel: async () => {},
    } as unknown as RabbitChannel
    const opened: RabbitConnection = {
      ...closable(`connection ${number}`),
      createConfirmChannel: () => step('createConfirmChannel', channel),
    }
    return step('connection', opened)
  }
  return { connection, closed, answer: () => answers(), connections: () => connections }
}

it.each([
  ['connection', 'open a connection', []],
  ['createConfirmChannel', 'open a channel', ['connection 1']],
  ['assertQueue', 'declare the queues', ['channel 1', 'connection 1']],
  ['consume', 'begin to deliver from q', ['channel 1', 'connection 1']],
] as const)('a consumer whose %s is not answered says so and tries again', async (step, what, closed) => {
  const runtime = fakeRuntime()
  const broker = brokerSilentAt(step)
  const failures: unknown[] = []
  const source = { connection: broker.connection, queue: 'q', declare: true }
  const link = keepLinked(source, { prefetch: 1, maxBackoffMs: 1_000 }, runtime, {
    onMessage: () => {},
    onGone: () => {},
    onFailure: (error) => failures.push(error),
  })
  await runtime.advance(OPEN_LIMIT_MS + LONGEST_PAUSE_MS)
  expect(failures).toEqual([new Error(`RabbitMQ did not ${what} within ${OPEN_LIMIT_MS} ms`)])
  expect(broker.connections()).toBe(2)
  expect(broker.closed).toEqual(closed)
  broker.answer()
  await runtime.advance(1)
  expect(broker.closed).not.toContain('connection 2')
  const closing = link.close()
  await runtime.advance(LONGEST_PAUSE_MS)
  await closing
})

it.each([
  ['connection', ['connection 1']],
  ['createConfirmChannel', ['connection 1', 'channel 1']],
] as const)(
  'a publisher whose %s is not answered says so, opens another, and closes what comes late',
  async (step, closed) => {
    const runtime = fakeRuntime()
    const broker = brokerSilentAt(step)
    const sender = keepSender(broker.connection, runtime)
    const reasons: unknown[] = []
    sender.open().catch((error) => reasons.push(error))
    await runtime.advance(OPEN_LIMIT_MS)
    expect(reasons).toEqual([expect.objectContaining({ message: expect.stringContaining('RabbitMQ did not open a') })])
    await sender.open()
    broker.answer()
    await runtime.advance(1)
    expect(broker.closed).toEqual(closed)
  },
)

it('a publisher is closed while it still waits for a connection, which is closed when it comes', async () => {
  const runtime = fakeRuntime()
  const broker = brokerSilentAt('connection')
  const sender = keepSender(broker.connection, runtime)
  const refused = expect(sender.open()).rejects.toThrow('the publisher is closed')
  let isClosed = false
  void sender.close().then(() => {
    isClosed = true
  })
  await runtime.advance(LONGEST_PAUSE_MS)
  expect(isClosed).toBe(true)
  broker.answer()
  await refused
  expect(broker.closed).toEqual(['channel 1', 'connection 1'])
})
