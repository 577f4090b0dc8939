import { type Order, pointsFor } from '../order.ts'
import type { Ledgers } from './ledgers.ts'

/** The audit's figures: the ledgers compared with the orders. */
export interface Audited {
  readonly chargedPence: number
  /** Orders that were charged more than once. */
  readonly doubleCharges: number
  /** Orders that were never charged, or paid and never completed. */
  readonly lostOrders: number
  /** Orders with more than one coupon. */
  readonly doubleCoupons: number
  /** Orders without a coupon. */
  readonly lostCoupons: number
  readonly pointsGranted: number
  readonly pointsExpected: number
  /** Customers whose balance differs from the sum of their orders. */
  readonly wrongBalances: number
  /** Paid orders that no consumer received, and messages still waiting in the outbox. */
  readonly unpublished: number
  readonly deliveries: number
  /** Deliveries beyond the first of each order to each consumer. */
  readonly repeatedDeliveries: number
}

/** Compares order by order: equal sums alone prove nothing. */
export function audit(orders: readonly Order[], ledgers: Ledgers): Audited {
  const charges = countBy(ledgers.charges.map(({ orderId }) => orderId))
  const coupons = countBy(ledgers.coupons)
  const paid = new Set(ledgers.paid)
  const completed = new Set(ledgers.completed)
  const heardOf = new Set(ledgers.deliveries.flat())
  const count = (is: (order: Order) => boolean) => orders.filter(is).length
  const expected = balancesOf(orders)
  const customers = new Set([...expected.keys(), ...ledgers.balances.keys()])
  const deliveries = ledgers.deliveries.reduce((sum, one) => sum + one.length, 0)
  const distinct = ledgers.deliveries.reduce((sum, one) => sum + new Set(one).size, 0)
  return {
    chargedPence: sum(ledgers.charges.map(({ amountPence }) => amountPence)),
    doubleCharges: count(({ orderId }) => (charges.get(orderId) ?? 0) > 1),
    lostOrders: count(({ orderId }) => !charges.has(orderId) || !completed.has(orderId)),
    doubleCoupons: count(({ orderId }) => (coupons.get(orderId) ?? 0) > 1),
    lostCoupons: count(({ orderId }) => !coupons.has(orderId)),
    pointsGranted: sum(ledgers.balances.values()),
    pointsExpected: sum(expected.values()),
    wrongBalances: [...customers].filter((one) => (expected.get(one) ?? 0) !== (ledgers.balances.get(one) ?? 0)).length,
    unpublished: ledgers.inOutbox + count(({ orderId }) => paid.has(orderId) && !heardOf.has(orderId)),
    deliveries,
    repeatedDeliveries: deliveries - distinct,
  }
}

/** Whether nobody paid twice, nothing was lost, and nothing exists without an order. */
export function isClean(audited: Audited, expectedPence: number): boolean {
  const { chargedPence, pointsGranted, pointsExpected } = audited
  const { doubleCharges, lostOrders, doubleCoupons, lostCoupons, wrongBalances, unpublished } = audited
  const faults = [doubleCharges, lostOrders, doubleCoupons, lostCoupons, wrongBalances, unpublished]
  return chargedPence === expectedPence && pointsGranted === pointsExpected && faults.every((fault) => fault === 0)
}

function balancesOf(orders: readonly Order[]): ReadonlyMap<string, number> {
  const balances = new Map<string, number>()
  for (const { customerId, amountPence } of orders) {
    balances.set(customerId, (balances.get(customerId) ?? 0) + pointsFor(amountPence))
  }
  return balances
}

function countBy(ids: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1)
  return counts
}

function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}
