import { pointsFor } from '../order.ts'
import type { Consumer } from '../system/messages.ts'
import type { OrderPaid } from './place-order.ts'
import type { Service } from './tables.ts'

/** What a consumer does for a paid order: one statement. */
export interface Effect {
  readonly service: Service
  readonly sql: string
  readonly values: (paid: OrderPaid) => (string | number)[]
}

/** The same in both runs; only the last one would notice a repetition. */
export const EFFECTS: Readonly<Record<Consumer, Effect>> = {
  coupon: {
    service: 'coupons',
    sql: 'INSERT INTO coupons (order_id, customer) VALUES (?, ?)',
    values: ({ orderId, customerId }) => [orderId, customerId],
  },
  points: {
    service: 'points',
    sql: 'INSERT INTO points (order_id, customer, points) VALUES (?, ?, ?)',
    values: ({ orderId, customerId, amountPence }) => [orderId, customerId, pointsFor(amountPence)],
  },
  fulfilment: {
    service: 'orders',
    sql: `UPDATE orders SET status = 'completed' WHERE id = ? AND status = 'paid'`,
    values: ({ orderId }) => [orderId],
  },
}
