import { onlyonce } from 'onlyonce'
import { idempotency, operationOf } from 'onlyonce/express'
import { outbox } from 'onlyonce/outbox'
import { transition } from 'onlyonce/state-machine'
import type { Shop } from '../../stores/place.ts'
import { charge } from '../gateway-client.ts'
import { type OrderDesk, type OrderPaid, TOPIC } from '../place-order.ts'
import { CREATE_ORDER } from '../tables.ts'
import { orderLife } from './order-life.ts'

/** A killed worker's orders can be taken over after so long. Renewed every third of it, so it may be short. */
const LEASE_MS = 2_000
const WAIT_MS = 5_000

/**
 * Once per `Idempotency-Key`: order row, charge, and payment with its message. The charge is the only effect outside of
 * our database. It gets the same key on every attempt, so that the gateway can tell a repetition from a second purchase;
 * that and the lease are what makes it safe to run the handler again after a crash. None of it depends on where the
 * records are.
 */
export async function createOrderDesk(shop: Shop, gatewayPort: number): Promise<OrderDesk> {
  const { store, write } = await shop.books('orders')
  const once = onlyonce({ store: shop.records ?? store, scope: 'orders', leaseMs: LEASE_MS })
  const messages = outbox(store)
  // There are no accounts in this shop, so all of its customers share one space of keys.
  const guard = idempotency(once, { scope: 'public', required: true, onInFlight: 'wait', waitMs: WAIT_MS })

  return {
    guard,
    async placeOrder({ orderId, customerId, placedOn, amountPence }, request) {
      const op = operationOf(request)
      if (op === undefined) throw new Error('an order must not be placed without its guard')
      await store.transaction((tx) => write(tx, CREATE_ORDER, [orderId, customerId, placedOn, amountPence]))
      // No `op.step` around it: the gateway keeps its answer under our key, so a second attempt is told the same charge.
      const { chargeId } = await charge(gatewayPort, { orderId, amountPence, idempotencyKey: op.child('charge') })
      await store.transaction(async (tx) => {
        const move = { machine: orderLife, table: 'orders', id: orderId, column: 'status', to: 'paid' } as const
        const moved = await transition.attempt(tx, { ...move, set: { charge_id: chargeId } })
        // Paid before: an earlier attempt came so far, and its message is in the outbox or published already.
        if (moved.kind !== 'moved') return
        const body: OrderPaid = { orderId, customerId, amountPence }
        await messages.add(tx, { id: op.child('paid'), topic: TOPIC, body })
      })
      return { orderId, status: 'paid' }
    },
  }
}
