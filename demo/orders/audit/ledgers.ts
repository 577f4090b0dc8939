import { existsSync, readFileSync } from 'node:fs'
import type { ChargeEntry } from '../roles/gateway.ts'
import { readRows } from '../shop/database.ts'
import { chargesFile, couponsDb, deliveriesFile, ordersDb, pointsDb } from '../system/files.ts'
import { CONSUMERS } from '../system/messages.ts'

/** Everything that one run left behind. */
export interface Ledgers {
  readonly charges: readonly Pick<ChargeEntry, 'orderId' | 'amountPence'>[]
  /** Ids of orders that are paid, completed ones among them. */
  readonly paid: readonly string[]
  readonly completed: readonly string[]
  /** The order id of every coupon. */
  readonly coupons: readonly string[]
  /** Points by customer. */
  readonly balances: ReadonlyMap<string, number>
  /** For each consumer the order ids it was handed, in order. */
  readonly deliveries: readonly (readonly string[])[]
  /** Messages that were never published. */
  readonly inOutbox: number
}

export async function readLedgers(dir: string, inOutbox: number): Promise<Ledgers> {
  const orders = await readRows<{ id: string; status: string }>(ordersDb(dir), 'SELECT id, status FROM orders')
  const coupons = await readRows<{ order_id: string }>(couponsDb(dir), 'SELECT order_id FROM coupons')
  const balances = await readRows<{ customer: string; points: number }>(pointsDb(dir), 'SELECT * FROM balances')
  return {
    charges: linesOf(chargesFile(dir)).map((line) => JSON.parse(line) as ChargeEntry),
    paid: orders.filter(({ status }) => status !== 'created').map(({ id }) => id),
    completed: orders.filter(({ status }) => status === 'completed').map(({ id }) => id),
    coupons: coupons.map(({ order_id }) => order_id),
    balances: new Map(balances.map(({ customer, points }) => [customer, points])),
    deliveries: CONSUMERS.map((consumer) => linesOf(deliveriesFile(dir, consumer))),
    inOutbox,
  }
}

function linesOf(file: string): readonly string[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
}
