import type { Order } from '../order.ts'
import type { Middleware } from '../system/http.ts'

/** What the customer is told of an order. */
export interface Placed {
  readonly orderId: string
  readonly status: string
}

/** Takes an order and its payment. Resolves when it is paid; throws when the customer has to ask again. */
export type PlaceOrder = (order: Order) => Promise<Placed>

/** What answers `POST /orders`. */
export interface OrderDesk {
  readonly placeOrder: PlaceOrder
  /** What stands in front of it, if anything does. */
  readonly guard?: Middleware
}

/** What the messages about paid orders are published under. */
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
