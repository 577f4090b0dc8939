import { expect, it } from 'vitest'
import { onlyonce } from '../../core/engine.ts'
import { sleep } from '../../core/runtime.ts'
import { memoryStore } from '../../stores/memory/index.ts'
import { sqliteStore } from '../../stores/sqlite/index.ts'
import { type FakeRuntime, fakeRuntime } from '../../testing/fake-runtime.ts'
import { ORDERING_KEY_HEADER } from '../headers.ts'
import { consume, type NatsConnection, type NatsJetStream } from '../nats.ts'
import { MSG_ID_HEADER } from './message.ts'

const ACK_WAIT_MS = 3_000
const CREATED = '2025-01-01T00:00:00Z'

/** Hands out each id from its moment on, and again when its ack wait is over. Asked to prolong it, the server is silent. */
function serverWith(firstAt: Readonly<Record<string, number>>, runtime: FakeRuntime) {
  const stored = Object.entries(firstAt).map(([id, dueAt], i) => ({ id, dueAt, seq: i + 1, count: 0, acked: false }))
  let deliverySequence = 0

  function handOut(one: (typeof stored)[number]) {
    one.dueAt = runtime.elapsed() + ACK_WAIT_MS
    return {
      subject: 'orders',
      data: Buffer.from('{}'),
      headers: [
        [MSG_ID_HEADER, [one.id]],
        [ORDERING_KEY_HEADER, ['k']],
      ],
      timestampNanos: BigInt(Math.floor(runtime.now())) * 1_000_000n,
      info: { deliveryCount: ++one.count, streamSequence: one.seq, deliverySequence: ++deliverySequence },
      nak() {},
      async ackAck() {
        one.acked = true
        return true
      },
    }
  }

  async function* fetched(max: number, expires: number) {
    const end = runtime.elapsed() + expires
    for (let count = 0; count < max && runtime.elapsed() < end; ) {
      const next = stored.find(({ acked, dueAt }) => !acked && dueAt <= runtime.elapsed())
      if (next === undefined) await sleep(runtime, 50)
      else {
        count++
        yield handOut(next)
      }
    }
  }

  const info = {
    ...{ created: CREATED, num_ack_pending: 0, delivered: { stream_seq: 0 }, ack_floor: { stream_seq: 0 } },
    config: { ack_policy: 'explicit', ack_wait: ACK_WAIT_MS * 1_000_000, max_deliver: -1 },
  }
  const streamInfo = { created: CREATED, config: { max_age: 0 } }
  const manager = {
    streams: { info: async () => streamInfo, find: async () => 'DEAD' },
    consumers: { info: async () => info },
  }
  const fetch = async (asked: { max_messages: number; expires: number }) =>
    Object.assign(fetched(asked.max_messages, asked.expires), { close: async () => {} })
  return {
    jetstream: {
      publish: async () => {},
      jetstreamManager: async () => manager,
      consumers: { get: async () => ({ fetch }) },
    },
    connection: {
      isClosed: () => false,
      flush: async () => {},
      request: () => Promise.reject(new Error('timeout')),
      status: () => ({ async *[Symbol.asyncIterator]() {}, stop() {} }),
    },
  }
}

it('one that fails just after its ack wait was over comes again before the next one with its key', async () => {
  const runtime = fakeRuntime()
  // The second is asked for later, so its own ack wait lasts longer.
  const server = serverWith({ a: 800, b: 1_010 }, runtime)
  const begun: string[] = []
  const consumer = consume({
    connection: server.connection as unknown as NatsConnection,
    jetstream: server.jetstream as unknown as NatsJetStream,
    headers: () => [] as never,
    once: onlyonce({ store: memoryStore({ runtime }), scope: 'shop', runtime }),
    stream: 'ORDERS',
    name: 'ledger',
    delivers: 'at-least-once',
    backoffMs: 1,
    async handle({ id }) {
      begun.push(id)
      if (begun.length > 1) return
      await sleep(runtime, 2_350)
      throw new Error('not yet')
    },
  })
  await runtime.advance(20_000)
  expect(begun).toEqual(['a', 'a', 'b'])
  const stopped = consumer.stop()
  await runtime.advance(10_000)
  await stopped
})

it('the next one of a batch waits too, when the one before it fails just after its ack wait was over', async () => {
  const runtime = fakeRuntime()
  const server = serverWith({ a: 800, b: 1_010 }, runtime)
  const store = sqliteStore({ path: ':memory:', runtime })
  // Loads its driver, which takes time of the machine.
  await store.transaction(async () => {})
  const begun: string[] = []
  const consumer = consume({
    connection: server.connection as unknown as NatsConnection,
    jetstream: server.jetstream as unknown as NatsJetStream,
    headers: () => [] as never,
    once: onlyonce({ store, scope: 'shop', runtime }),
    stream: 'ORDERS',
    name: 'ledger',
    delivers: 'exactly-once-effect',
    batch: { maxSize: 2, maxWaitMs: 1_000 },
    backoffMs: 1,
    async handle(messages) {
      begun.push(messages.map(({ id }) => id).join(' and '))
      if (begun.length === 1) await sleep(runtime, 2_350)
      if (begun.length <= 2) throw new Error('not yet')
    },
  })
  await runtime.advance(20_000)
  expect(begun).toEqual(['a and b', 'a', 'a', 'b'])
  const stopped = consumer.stop()
  await runtime.advance(10_000)
  await stopped
  await store[Symbol.asyncDispose]()
})
