import { onlyonce } from 'onlyonce'
import { outbox } from 'onlyonce/outbox'
import { sqliteStore } from 'onlyonce/sqlite'
import { ordersDb } from '../../system/files.ts'
import type { WorkerSetup } from '../../system/messages.ts'
import { charge } from '../gateway-client.ts'
import { CREATE_ORDER, ORDERS_TABLE, type OrderPaid, type PlaceOrder, TOPIC } from '../place-order.ts'

/** A killed worker's orders can be taken over after so long. Renewed every third of it, so it may be short. */
const LEASE_MS = 2_000
const WAIT_MS = 5_000

/**
 * Once per order: order row, charge, and payment with its message. The charge is the only effect outside of our
 * database. It gets the same key on every attempt, so that the gateway can tell a repetition from a second purchase;
 * that and the lease are what makes it safe to run the effect again after a crash.
 */
export async function createPlaceOrder({ dir, gatewayPort }: WorkerSetup): Promise<PlaceOrder> {
  // See `openDatabase` for why NORMAL is enough here.
  const store = sqliteStore({ path: ordersDb(dir), durability: 'normal', migrate: 'auto' })
  const once = onlyonce({ store, scope: 'orders', leaseMs: LEASE_MS, onInFlight: 'wait', waitMs: WAIT_MS })
  const messages = outbox(store)
  await store.transaction(async (tx) => tx.exec(ORDERS_TABLE))

  return (order, idempotencyKey) =>
    once({ key: idempotencyKey, payload: order }, async (op) => {
      const { orderId, customerId, placedOn, amountPence } = order
      await store.transaction(async (tx) => {
        tx.prepare(CREATE_ORDER).run(orderId, customerId, placedOn, amountPence)
      })
      // No `op.step` around it: the gateway keeps its answer under our key, so a second attempt is told the same charge.
      const { chargeId } = await charge(gatewayPort, { orderId, amountPence, idempotencyKey: op.child('charge') })
      await store.transaction(async (tx) => {
        const paid = tx.prepare(PAY_ORDER).run(chargeId, orderId).changes
        // Paid before: an earlier attempt came so far, and its message is in the outbox or published already.
        if (Number(paid) === 0) return
        const body: OrderPaid = { orderId, customerId, amountPence }
        await messages.add(tx, { id: op.child('paid'), topic: TOPIC, body })
      })
      return { orderId, status: 'paid' }
    })
}

/** The guard is the whole state machine: from created, and from nowhere else. */
const PAY_ORDER = `UPDATE orders SET status = 'paid', charge_id = ? WHERE id = ? AND status = 'created'`
