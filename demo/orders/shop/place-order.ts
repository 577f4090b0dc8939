import type { Order } from '../order.ts'

/** What the customer is told of an order. */
export interface Placed {
  readonly orderId: string
  readonly status: string
}

/** Takes an order and its payment. Resolves when it is paid; throws when the customer has to ask again. */
export type PlaceOrder = (order: Order, idempotencyKey: string) => Promise<Placed>

/** What the messages about paid orders are published under. */
export const TOPIC = 'order-paid'

/** What consumers read: an order was paid. */
export interface OrderPaid {
  readonly orderId: string
  readonly customerId: string
  readonly amountPence: number
}

export const ORDERS_TABLE = `
  CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL, placed_on TEXT NOT NULL, amount_pence INTEGER NOT NULL,
    status TEXT NOT NULL, charge_id TEXT
  ) WITHOUT ROWID`

/** The order's number is its key: a second insert of the same order is none. */
export const CREATE_ORDER = `
  INSERT INTO orders (id, customer, placed_on, amount_pence, status) VALUES (?, ?, ?, ?, 'created')
  ON CONFLICT DO NOTHING`
