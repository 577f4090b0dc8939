// Checked by the compiler (`npm run types`), never run.
import type { Producer, SimpleConsumer } from 'rocketmq-client-nodejs'
import { expectTypeOf } from 'vitest'
import type { Publisher } from '../../src/core/publisher.ts'
import { onlyonce, type Store, type TransactionalStore } from '../../src/index.ts'
import {
  type Consumer,
  consume,
  publisher,
  type RocketConsumer,
  type RocketProducer,
  type RocketTransactionalProducer,
  transactional,
} from '../../src/messaging/rocketmq.ts'

declare const plain: Store
declare const store: TransactionalStore<{ query(text: string): Promise<void> }>
declare const consumer: SimpleConsumer
declare const producer: Producer
const leased = onlyonce({ store: plain, scope: 'shop' })
const once = onlyonce({ store, scope: 'shop' })

expectTypeOf<SimpleConsumer>().toExtend<RocketConsumer>()
expectTypeOf<Producer>().toExtend<RocketProducer>()
expectTypeOf<Producer>().toExtend<RocketTransactionalProducer>()

const source = { name: 'ledger', consumer, producer }
const consuming = consume({ ...source, once, delivers: 'exactly-once-effect', handle: (_, tx) => tx.query('select 1') })
expectTypeOf(consuming).toEqualTypeOf<Consumer>()
consume({
  ...source,
  once: leased,
  delivers: 'at-least-once',
  handle: (_, op) => void op.fence,
  consumer: async () => consumer,
})
// @ts-expect-error the store has no transactions
consume({ ...source, once: leased, delivers: 'exactly-once-effect', handle: () => {} })

expectTypeOf(publisher({ producer, delayMs: ({ id }) => id.length })).toEqualTypeOf<Publisher>()

const halves = transactional({ once })
expectTypeOf(halves.checker).toExtend<NonNullable<ConstructorParameters<typeof Producer>[0]['checker']>>()
const message = { topic: 'orders', body: Buffer.from('x') }
expectTypeOf(halves.send(producer, 'k', message, (tx) => tx.query('x').then(() => 7))).toEqualTypeOf<Promise<number>>()
