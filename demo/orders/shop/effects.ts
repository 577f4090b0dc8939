import type { SqliteTx } from 'onlyonce/sqlite'
import { pointsFor } from '../order.ts'
import { couponsDb, ordersDb, pointsDb } from '../system/files.ts'
import type { Consumer } from '../system/messages.ts'
import { ORDERS_TABLE, type OrderPaid } from './place-order.ts'

/** What a consumer does about a paid order. The same statements in both runs: none of them would notice a repetition. */
export interface Effect {
  readonly file: (dir: string) => string
  readonly table: string
  readonly apply: (db: SqliteTx, paid: OrderPaid) => void
}

export const EFFECTS: Readonly<Record<Consumer, Effect>> = {
  coupon: {
    file: couponsDb,
    // A customer may have many coupons, also of one order: the table cannot know that one was meant.
    table:
      'CREATE TABLE IF NOT EXISTS coupons (id INTEGER PRIMARY KEY, order_id TEXT NOT NULL, customer TEXT NOT NULL)',
    apply(db, { orderId, customerId }) {
      db.prepare('INSERT INTO coupons (order_id, customer) VALUES (?, ?)').run(orderId, customerId)
    },
  },
  points: {
    file: pointsDb,
    table: 'CREATE TABLE IF NOT EXISTS balances (customer TEXT PRIMARY KEY, points INTEGER NOT NULL)',
    apply(db, { customerId, amountPence }) {
      db.prepare('INSERT INTO balances VALUES (?, ?) ON CONFLICT DO UPDATE SET points = points + excluded.points').run(
        customerId,
        pointsFor(amountPence),
      )
    },
  },
  fulfilment: {
    file: ordersDb,
    table: ORDERS_TABLE,
    apply(db, { orderId }) {
      db.prepare(`UPDATE orders SET status = 'completed' WHERE id = ? AND status = 'paid'`).run(orderId)
    },
  },
}
