/** One row of the input: what a customer ordered and what it costs. */
export interface Order {
  readonly orderId: string
  readonly customerId: string
  /** ISO date. */
  readonly placedOn: string
  readonly amountPence: number
}

/** One point for every full pound. */
export function pointsFor(amountPence: number): number {
  return Math.floor(amountPence / 100)
}
