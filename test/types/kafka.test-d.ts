import type { Admin, Consumer, Kafka, Producer } from 'kafkajs'
import { expectTypeOf, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { consume, type KafkaClient, type KafkaProducer, type publisher, transform } from '../../src/messaging/kafka.ts'
import type { Publisher } from '../../src/outbox/outbox.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { type SqliteTx, sqliteStore } from '../../src/stores/sqlite/index.ts'

declare const kafka: Kafka

it('the real client fits', () => {
  expectTypeOf<Kafka>().toExtend<KafkaClient>()
  expectTypeOf<Producer>().toExtend<KafkaProducer>()
  expectTypeOf<Consumer>().toExtend<ReturnType<KafkaClient['consumer']>>()
  expectTypeOf<Admin>().toExtend<ReturnType<KafkaClient['admin']>>()
})

it('a publisher is what a relay takes', () => {
  expectTypeOf<ReturnType<typeof publisher>>().toExtend<Publisher>()
})

it('the handler is given the transaction of the store, where the store has one', () => {
  const rules = { kafka, topic: 'orders', name: 'ledger' }
  const atomic = onlyonce({ store: sqliteStore({ path: ':memory:' }), scope: 'shop' })
  const leased = onlyonce({ store: memoryStore(), scope: 'shop' })
  const start = () => [
    consume({
      ...rules,
      once: atomic,
      delivers: 'exactly-once-effect',
      handle: (_, tx) => expectTypeOf(tx).toExtend<SqliteTx>(),
    }),
    consume({ ...rules, once: leased, delivers: 'at-least-once', handle: (_, op) => void op.attempt }),
    // @ts-expect-error: a store without transactions cannot keep it
    consume({ ...rules, once: leased, delivers: 'exactly-once-effect', handle: () => {} }),
    // @ts-expect-error: the name of the transactions is required
    transform({ kafka, topic: 'orders', groupId: 'g', handle: () => [] }),
  ]
  expectTypeOf(start).toBeFunction()
})
