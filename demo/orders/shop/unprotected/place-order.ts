import { randomUUID } from 'node:crypto'
import { openQueue } from '../../brokers/queue.ts'
import { serviceDb } from '../../system/files.ts'
import type { WorkerSetup } from '../../system/messages.ts'
import { openDatabase } from '../database.ts'
import { charge } from '../gateway-client.ts'
import { type OrderPaid, type PlaceOrder, TOPIC } from '../place-order.ts'
import { CREATE_ORDER, TABLES } from '../tables.ts'

/**
 * The same service as it is usually written: it checks whether the order was paid, charges, saves and publishes. It
 * works in every test, because each line is correct as long as nothing happens between it and the next.
 */
export async function createPlaceOrder({ dir, gatewayPort }: WorkerSetup): Promise<PlaceOrder> {
  const db = await openDatabase(serviceDb(dir, 'orders'))
  db.exec(TABLES.orders)
  const broker = openQueue(dir)
  const statusOf = db.prepare('SELECT status FROM orders WHERE id = ?')
  const create = db.prepare(CREATE_ORDER)
  const pay = db.prepare(`UPDATE orders SET status = 'paid', charge_id = ? WHERE id = ?`)

  return async ({ orderId, customerId, placedOn, amountPence }) => {
    // Check, then act: two simultaneous clicks both find the order unpaid.
    const [known] = statusOf.all(orderId) as { status: string }[]
    if (known !== undefined && known.status !== 'created') return { orderId, status: known.status }
    create.run(orderId, customerId, placedOn, amountPence)
    // No idempotency key: if the customer asks again after a time-out, the gateway sees a second purchase.
    const { chargeId } = await charge(gatewayPort, { orderId, amountPence })
    // No state guard: a second request pays the order again.
    pay.run(chargeId, orderId)
    // Published after the commit, without an outbox: if the process dies here no message is sent, and the next request
    // finds the order paid. The message id is new each time, as most clients make it.
    const body: OrderPaid = { orderId, customerId, amountPence }
    await broker.publish([{ id: randomUUID(), topic: TOPIC, body: Buffer.from(JSON.stringify(body)), headers: {} }])
    return { orderId, status: 'paid' }
  }
}
