import { type AbandonedOperation, onlyonce, type Reconciled, type Store } from 'onlyonce'
import type { Broker } from '../../brokers/broker.ts'
import { VISIBILITY_MS } from '../../brokers/in-hand.ts'
import type { Shop } from '../../stores/place.ts'
import type { Consumer } from '../../system/messages.ts'
import { EFFECTS } from '../effects.ts'
import { type OrderPaid, readOrderPaid } from '../place-order.ts'

/**
 * The leased way, where the records are in another system than the business tables: no transaction spans both. A
 * process that dies between its commit and its completion leaves an effect whose record does not say so. The new owner
 * asks the business tables. That makes one effect, as long as nobody continues without its lease: here a killed process
 * is gone, and a living one renews.
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
    // The tables can only be searched by order, not by message.
    key: ({ body }) => readOrderPaid(body).orderId,
    onAbandoned: askTheBooks,
    async handle(message) {
      await store.transaction((tx) => write(tx, sql, values(message.json() as OrderPaid)))
    },
  })
}
