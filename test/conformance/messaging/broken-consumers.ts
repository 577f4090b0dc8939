import { onlyonce } from '../../../src/core/engine.ts'
import {
  type Consumer,
  consume,
  type EmbeddedQueue,
  type ReceivedMessage,
} from '../../../src/messaging/embedded-queue.ts'
import type { SqliteTx } from '../../../src/stores/sqlite/index.ts'
import type { ConsumeOptions, RawMessage } from '../../../src/testing/index.ts'
import type { BrokenAdapter, Harness } from './broken-adapter.ts'
import { embedded, QUEUE, queueAt } from './embedded.ts'
import { embeddedHarness } from './embedded-harness.ts'

type Options = ConsumeOptions<SqliteTx>

/** An adapter whose queue is not what it should be. */
function over(change: (queue: EmbeddedQueue) => Partial<EmbeddedQueue>): Partial<Harness> {
  return {
    consume(place, options) {
      const queue = queueAt(place)
      return consume<SqliteTx>({ pollMs: 20, ...options, queue: { ...queue, ...change(queue) }, from: QUEUE } as never)
    },
  }
}

/** An adapter that tells the inbox something else. */
function telling(change: (options: Options) => Partial<Options>): Partial<Harness> {
  return {
    consume: (place, options) =>
      consume<SqliteTx>({ pollMs: 20, ...options, ...change(options), queue: queueAt(place), from: QUEUE } as never),
  }
}

/** An adapter whose consumer has something else in place of its own. */
const consumerThat = (change: Partial<Consumer>): Partial<Harness> => ({
  consume: (place, options) => ({ ...embedded.consume(place, options), ...change }),
})

const received =
  (queue: EmbeddedQueue, change: (message: ReceivedMessage) => Partial<ReceivedMessage>) =>
  async (...args: Parameters<EmbeddedQueue['receive']>) =>
    (await queue.receive(...args)).map((one) => ({ ...one, ...change(one) }))

export const BROKEN_CONSUMERS: readonly BrokenAdapter[] = [
  {
    what: 'gives a handler no time limit',
    caughtBy: ['a handler that runs on after its time limit writes nothing outside its transaction'],
    harness: telling(() => ({ maxRunMs: 900_000 })),
  },
  {
    what: 'acknowledges before it handles',
    caughtBy: [
      'nothing is acknowledged before the handler is done',
      'a message that always fails is put aside whole after its attempts, and the others go on',
    ],
    harness: over((queue) => ({
      async receive(...args) {
        const messages = await queue.receive(...args)
        await Promise.all(messages.map(({ receipt }) => queue.ack(receipt)))
        return messages
      },
    })),
  },
  {
    what: 'never puts a message aside, but acknowledges it',
    caughtBy: [
      'a message that always fails is put aside whole after its attempts, and the others go on',
      'the same id with another body is put aside with its reason, and the first effect stands',
      'a key that is too long, or what is left of a missing value, is put aside, not cut or shared',
    ],
    harness: over((queue) => ({ deadLetter: (receipt) => queue.ack(receipt) })),
  },
  {
    what: 'acknowledges what is to be tried again',
    caughtBy: ['a message that fails at first takes effect once in the end, and its attempts would send the same'],
    harness: over((queue) => ({ retry: (receipt) => queue.ack(receipt) })),
  },
  {
    what: 'tries again at once, whatever it is told',
    caughtBy: ['a retry waits as long as it is told to, and others do not wait with it'],
    harness: over((queue) => ({ retry: (receipt) => queue.retry(receipt, 0) })),
  },
  {
    what: 'stands still while a message waits for its next try',
    caughtBy: ['a retry waits as long as it is told to, and others do not wait with it'],
    harness: {
      consume(place, options) {
        const queue = queueAt(place)
        let waitsUntil = 0
        const still: Partial<EmbeddedQueue> = {
          retry(receipt, ms) {
            waitsUntil = Date.now() + ms
            return queue.retry(receipt, ms)
          },
          receive: async (name, max, ms) => (Date.now() < waitsUntil ? [] : queue.receive(name, max, ms)),
        }
        return consume<SqliteTx>({ pollMs: 20, ...options, queue: { ...queue, ...still }, from: QUEUE } as never)
      },
    },
  },
  {
    what: 'takes every attempt for a message of its own',
    caughtBy: ['a message that fails at first takes effect once in the end, and its attempts would send the same'],
    harness: telling(() => {
      let attempts = 0
      return { key: ({ id }) => `${id}#${++attempts}` }
    }),
  },
  {
    what: 'acknowledges a copy of what is being handled',
    caughtBy: ['a duplicate waits while the first is handled, and is acknowledged only afterwards'],
    harness: over((queue) => {
      const seen = new Set<string>()
      return {
        async receive(...args) {
          const messages = await queue.receive(...args)
          const copies = messages.filter(({ id }) => seen.size === seen.add(id).size)
          await Promise.all(copies.map(({ receipt }) => queue.ack(receipt)))
          return messages.filter((one) => !copies.includes(one))
        },
      }
    }),
  },
  {
    what: 'does not renew the lease',
    caughtBy: ['a handler that takes longer than the lease is not started a second time'],
    harness: telling(({ once }) => ({
      once: onlyonce({
        scope: 'conformance',
        leaseMs: 1_000,
        store: { ...once.store, renew: async (renewals) => renewals.map(() => 'ok') },
      }),
    })) as never,
  },
  {
    what: 'gives nothing back when it stops',
    caughtBy: ['a stop lets running handlers finish and gives the rest back: another consumer does it'],
    harness: over((queue) => ({
      retry: async (receipt, delayMs) => (delayMs === 0 ? 'ok' : queue.retry(receipt, delayMs)),
    })),
  },
  {
    what: 'loses the reason of what is put aside',
    caughtBy: ['a message that no attempt can help is put aside at once'],
    harness: over((queue) => ({ deadLetter: (receipt) => queue.deadLetter(receipt, '') })),
  },
  {
    what: 'drops headers',
    caughtBy: ['id, headers and ordering key reach the handler'],
    harness: over((queue) => ({ receive: received(queue, () => ({ headers: {} })) })),
  },
  {
    what: 'reads bodies as text',
    caughtBy: ['bodies arrive byte for byte: none, every byte, a megabyte'],
    harness: over((queue) => ({
      receive: received(queue, ({ body }) => ({ body: Buffer.from(Buffer.from(body).toString()) })),
    })),
  },
  {
    what: 'takes the delivery for the message: an id of its own for each',
    caughtBy: ['a message that its producer sends again, before or after it was handled, takes effect once'],
    harness: telling(() => ({ key: ({ id }) => `${id}:${Math.random()}` })),
  },
  {
    what: 'compares ids without case',
    caughtBy: ['ids that look alike stay apart, and each is recognised again'],
    harness: telling(() => ({ key: ({ id }) => id.toLowerCase(), fingerprint: () => 'same' })),
  },
  {
    what: 'looks at ids only, and drops another body',
    caughtBy: ['the same id with another body is put aside with its reason, and the first effect stands'],
    harness: telling(() => ({ fingerprint: () => 'same' })),
  },
  {
    what: 'forgets the name of the consumer',
    caughtBy: ['a consumer of another name has an effect of its own'],
    harness: telling(() => ({ name: 'everybody' })),
  },
  {
    what: 'keeps nothing of what was delivered when it stops',
    caughtBy: ['a stop lets running handlers finish and gives the rest back: another consumer does it'],
    harness: over((queue) => ({
      retry: (receipt, delayMs) => (delayMs === 0 ? queue.ack(receipt) : queue.retry(receipt, delayMs)),
    })),
  },
  {
    what: 'runs as many handlers as it likes',
    caughtBy: ['no more handlers run side by side than allowed, and as many as allowed do'],
    harness: telling(() => ({ concurrency: 16 })),
  },
  {
    what: 'does not pause',
    caughtBy: ['a paused consumer begins nothing new, and goes on when it is resumed'],
    harness: consumerThat({ pause: async () => {} }),
  },
  {
    what: 'forgets its handlers when it stops',
    caughtBy: ['a stop lets running handlers finish and gives the rest back: another consumer does it'],
    harness: consumerThat({ stop: async () => {} }),
  },
  {
    what: 'runs what is remembered no more after a short while',
    caughtBy: ['a message that its producer sends again, before or after it was handled, takes effect once'],
    harness: telling(() => ({ leaseMs: 3, retentionMs: 3 })),
  },
  {
    what: 'handles one ordering key at a time',
    caughtBy: [
      'messages with different ordering keys are handled side by side, those with one key one after the other',
    ],
    harness: {
      async openTopic(options) {
        const topic = await embeddedHarness().openTopic(options)
        const together = (message: RawMessage) =>
          message.orderingKey === undefined ? message : { ...message, orderingKey: 'all' }
        return { ...topic, publish: (messages) => topic.publish(messages.map(together)) }
      },
    },
  },
  {
    what: 'knows no ordering keys',
    caughtBy: [
      'messages with one ordering key take effect in order, also when some fail at first',
      'id, headers and ordering key reach the handler',
    ],
    harness: {
      async openTopic(options) {
        const topic = await embeddedHarness().openTopic(options)
        const strip = ({ orderingKey: _, ...message }: RawMessage) => message
        return { ...topic, publish: (messages) => topic.publish(messages.map(strip)) }
      },
    },
  },
]
