import { onlyonce } from 'onlyonce'
import { outbox } from 'onlyonce/outbox'
import type { Shop } from '../../stores/place.ts'
import { charge } from '../gateway-client.ts'
import { type OrderPaid, type PlaceOrder, TOPIC } from '../place-order.ts'
import { CREATE_ORDER } from '../tables.ts'

/** A killed worker's orders can be taken over after so long. Renewed every third of it, so it may be short. */
const LEASE_MS = 2_000
const WAIT_MS = 5_000

/**
 * Once per order: order row, charge, and payment with its message. The charge is the only effect outside of our
 * database. It gets the same key on every attempt, so that the gateway can tell a repetition from a second purchase;
 * that and the lease are what makes it safe to run the effect again after a crash. None of it depends on where the
 * records are.
 */
export async function createPlaceOrder(shop: Shop, gatewayPort: number): Promise<PlaceOrder> {
  const { store, write } = await shop.books('orders')
  const once = onlyonce({
    store: shop.records ?? store,
    scope: 'orders',
    leaseMs: LEASE_MS,
    onInFlight: 'wait',
    waitMs: WAIT_MS,
  })
  const messages = outbox(store)

  return (order, idempotencyKey) =>
    once({ key: idempotencyKey, payload: order }, async (op) => {
      const { orderId, customerId, placedOn, amountPence } = order
      await store.transaction((tx) => write(tx, CREATE_ORDER, [orderId, customerId, placedOn, amountPence]))
      // No `op.step` around it: the gateway keeps its answer under our key, so a second attempt is told the same charge.
      const { chargeId } = await charge(gatewayPort, { orderId, amountPence, idempotencyKey: op.child('charge') })
      await store.transaction(async (tx) => {
        const paid = await write(tx, PAY_ORDER, [chargeId, orderId])
        // Paid before: an earlier attempt came so far, and its message is in the outbox or published already.
        if (paid === 0) return
        const body: OrderPaid = { orderId, customerId, amountPence }
        await messages.add(tx, { id: op.child('paid'), topic: TOPIC, body })
      })
      return { orderId, status: 'paid' }
    })
}

/** The guard is the whole state machine: from created, and from nowhere else. */
const PAY_ORDER = `UPDATE orders SET status = 'paid', charge_id = ? WHERE id = ? AND status = 'created'`
