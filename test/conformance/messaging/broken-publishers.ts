import type { EmbeddedQueue } from '../../../src/messaging/embedded-queue.ts'
import type { BrokenAdapter, Harness } from './broken-adapter.ts'
import { queueAt, TOPIC } from './embedded.ts'

type Batch = Parameters<EmbeddedQueue['publish']>[0]
type Results = Awaited<ReturnType<EmbeddedQueue['publish']>>

const publishing = (change: (batch: Batch) => Batch): Partial<Harness> => ({
  publisher: (place) => ({ publish: (batch) => queueAt(place).publish(change(batch)), close: async () => {} }),
})

export const BROKEN_PUBLISHERS: readonly BrokenAdapter[] = [
  {
    what: 'says ok without sending',
    caughtBy: ['every message that was answered with ok is there, one answer each'],
    harness: {
      publisher: () => ({ publish: async (batch) => batch.map(() => ({ ok: true })), close: async () => {} }),
    },
  },
  {
    what: 'says ok for a message that was refused',
    caughtBy: ['a message that the broker does not take is refused alone, with a reason'],
    harness: {
      publisher: (place) => ({
        async publish(batch) {
          await queueAt(place).publish(batch)
          return batch.map(() => ({ ok: true }))
        },
        close: async () => {},
      }),
    },
  },
  {
    what: 'answers backwards',
    caughtBy: ['a message that the broker does not take is refused alone, with a reason'],
    harness: {
      publisher: (place) => ({
        publish: async (batch) => (await queueAt(place).publish(batch)).toReversed(),
        close: async () => {},
      }),
    },
  },
  {
    what: 'fails the whole batch for one message',
    caughtBy: ['a message that the broker does not take is refused alone, with a reason'],
    harness: {
      publisher: (place) => ({
        async publish(batch) {
          if (batch.some(({ topic }) => topic !== TOPIC)) throw new Error('one is wrong')
          return queueAt(place).publish(batch)
        },
        close: async () => {},
      }),
    },
  },
  {
    what: 'mixes up the answers of calls side by side',
    caughtBy: ['calls side by side are answered each for itself'],
    harness: {
      publisher(place) {
        const waiting: ((results: Results) => void)[] = []
        return {
          publish: (batch) =>
            new Promise((resolve) => {
              waiting.push(resolve)
              void queueAt(place)
                .publish(batch)
                .then((results) => waiting.pop()?.(results))
            }),
          close: async () => {},
        }
      },
    },
  },
  {
    what: 'gives every attempt an id of its own',
    caughtBy: ['what is published again under its id takes effect once, before and after it was handled'],
    harness: publishing((batch) => batch.map((one) => ({ ...one, id: `${one.id}-${Math.random()}` }))),
  },
  {
    what: 'drops headers',
    caughtBy: ['id, headers, ordering key and bytes arrive as they were given'],
    harness: publishing((batch) => batch.map((one) => ({ ...one, headers: {} }))),
  },
  {
    what: 'sends a batch in another order',
    caughtBy: ['messages with one ordering key arrive in the order of the batch'],
    harness: publishing((batch) => batch.toReversed()),
  },
  {
    what: 'makes text of bytes',
    caughtBy: ['id, headers, ordering key and bytes arrive as they were given'],
    harness: publishing((batch) =>
      batch.map((one) => ({ ...one, body: Buffer.from(Buffer.from(one.body).toString()) })),
    ),
  },
]
