import { type Operation, onlyonce } from 'onlyonce'
import { completer } from 'onlyonce/completer'
import { outbox } from 'onlyonce/outbox'
import { transition } from 'onlyonce/state-machine'
import type { Shop } from '../../stores/place.ts'
import { charge } from '../gateway-client.ts'
import { type OrderPaid, TOPIC } from '../place-order.ts'
import { orderLife } from './order-life.ts'

/** After this time the payments of a killed worker can be taken over. Renewed every third of it, so it may be short. */
export const LEASE_MS = 2_000
export const WAIT_MS = 5_000
const COMPLETE_EVERY_MS = 500

export interface Payments {
  /** Resolves when the order is paid, whether now or by an earlier call. @throws ChargeFailed */
  pay(paid: OrderPaid): Promise<void>
  /** From now on completes payments whose worker died and whose customer does not come back. */
  complete(): void
}

/**
 * One payment per order: the charge, and then order and message in one transaction. The charge is the only effect
 * outside our database. It is a step, which is not run again once its answer is stored, and every attempt sends the
 * same key, so that the gateway can tell a repetition from a second purchase if the answer was lost.
 */
export async function createPayments(shop: Shop, gatewayPort: number): Promise<Payments> {
  const { store } = await shop.books('orders')
  const messages = outbox(store)
  const once = onlyonce({
    ...{ store: shop.records ?? store, scope: 'payments', leaseMs: LEASE_MS },
    ...{ onInFlight: 'wait', waitMs: WAIT_MS },
  })

  async function payOnce(
    { key: orderId, step, child }: Operation,
    { customerId, amountPence }: OrderPaid,
  ): Promise<void> {
    const { chargeId } = await step('charge', () =>
      charge(gatewayPort, { orderId, amountPence, idempotencyKey: child('charge') }),
    )
    await store.transaction(async (tx) => {
      const move = { machine: orderLife, table: 'orders', id: orderId, column: 'status', to: 'paid' } as const
      const moved = await transition(tx, { ...move, set: { charge_id: chargeId } })
      // An earlier attempt did this already, and its message is in the outbox or published.
      if (moved === 'already') return
      const body: OrderPaid = { orderId, customerId, amountPence }
      await messages.add(tx, { id: child('paid'), topic: TOPIC, body })
    })
  }

  /** A new owner of a payment knows its key only. */
  async function load(orderId: string): Promise<OrderPaid> {
    const [row] = await shop.read<{ customer: string; amount_pence: number | string }>(
      'orders',
      'SELECT customer, amount_pence FROM orders WHERE id = ?',
      [orderId],
    )
    if (row === undefined) throw new Error(`there is no order ${orderId}`)
    return { orderId, customerId: row.customer, amountPence: Number(row.amount_pence) }
  }

  return {
    pay: (paid) => once({ key: paid.orderId, payload: paid }, (op) => payOnce(op, paid)),
    complete() {
      const payments = async (op: Operation) => payOnce(op, await load(op.key))
      completer({ once, handlers: { payments }, everyMs: COMPLETE_EVERY_MS }).start()
    },
  }
}
