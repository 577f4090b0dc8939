import type { Order } from '../order.ts'
import type { Middleware } from '../system/http.ts'

/** The answer for a customer's order. */
export interface Placed {
  readonly orderId: string
  readonly status: string
}

/** Takes an order and its payment. Resolves when it is paid; rejects when the customer has to ask again. */
export type PlaceOrder = (order: Order) => Promise<Placed>

/** The handler of `POST /orders`. */
export interface OrderDesk {
  readonly placeOrder: PlaceOrder
  /** The middleware in front of it, if any. */
  readonly guard?: Middleware
}

/** The topic of messages about paid orders. */
export const TOPIC = 'order-paid'

/** What consumers read: an order was paid. */
export interface OrderPaid {
  readonly orderId: string
  readonly customerId: string
  readonly amountPence: number
}

export function readOrderPaid(body: Uint8Array): OrderPaid {
  return JSON.parse(Buffer.from(body).toString()) as OrderPaid
}
