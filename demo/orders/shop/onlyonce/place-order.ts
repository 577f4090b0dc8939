import { onlyonce } from 'onlyonce'
import { idempotency } from 'onlyonce/express'
import type { Shop } from '../../stores/place.ts'
import type { OrderDesk } from '../place-order.ts'
import { CREATE_ORDER } from '../tables.ts'
import { createPayments, LEASE_MS, WAIT_MS } from './payment.ts'

/**
 * Once per `Idempotency-Key`: the order row, and its payment, which is an operation of its own, so that it can be
 * completed when nobody asks for the order any more. The same key gets the first answer; the same order under another
 * key finds the existing row and payment. All of this holds wherever the records are.
 */
export async function createOrderDesk(shop: Shop, gatewayPort: number): Promise<OrderDesk> {
  const { store, write } = await shop.books('orders')
  const once = onlyonce({ store: shop.records ?? store, scope: 'orders', leaseMs: LEASE_MS })
  const payments = await createPayments(shop, gatewayPort)
  // This shop has no accounts, so all customers share one key space.
  const guard = idempotency(once, { scope: 'public', required: true, onInFlight: 'wait', waitMs: WAIT_MS })

  return {
    guard,
    async placeOrder({ orderId, customerId, placedOn, amountPence }) {
      await store.transaction((tx) => write(tx, CREATE_ORDER, [orderId, customerId, placedOn, amountPence]))
      await payments.pay({ orderId, customerId, amountPence })
      return { orderId, status: 'paid' }
    },
  }
}
