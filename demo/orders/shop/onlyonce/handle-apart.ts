import { type AbandonedOperation, onlyonce, type Reconciled, type Store } from 'onlyonce'
import type { Broker } from '../../brokers/broker.ts'
import { VISIBILITY_MS } from '../../brokers/in-hand.ts'
import type { Shop } from '../../stores/place.ts'
import type { Consumer } from '../../system/messages.ts'
import { EFFECTS } from '../effects.ts'
import { type OrderPaid, readOrderPaid } from '../place-order.ts'

/**
 * The leased way, where the records are in another system than the books: no transaction spans the two. A process that
 * dies between its commit and the end of the record leaves an effect that happened and a record that does not say so.
 * Whoever takes over asks the books, which know. That makes it once again, as long as nobody works on without its lease:
 * here a killed process is gone, and one that lives renews.
 */
export async function handleApart(broker: Broker, name: Consumer, shop: Shop, records: Store): Promise<void> {
  const { service, sql, values } = EFFECTS[name]
  const { store, write } = await shop.books(service)

  async function askTheBooks({ key }: AbandonedOperation): Promise<Reconciled> {
    const found = await shop.read(service, `SELECT 1 FROM ${service} WHERE order_id = ?`, [key])
    return found.length > 0 ? { happened: true, value: undefined } : { happened: false }
  }

  await broker.consume(name, {
    once: onlyonce({ store: records, scope: 'shop', leaseMs: VISIBILITY_MS }),
    name,
    delivers: 'at-least-once',
    // What the books can be asked for: they know orders, not messages.
    key: ({ body }) => readOrderPaid(body).orderId,
    onAbandoned: askTheBooks,
    async handle(message) {
      await store.transaction((tx) => write(tx, sql, values(message.json() as OrderPaid)))
    },
  })
}
