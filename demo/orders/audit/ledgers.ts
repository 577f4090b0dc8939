import { existsSync, readFileSync } from 'node:fs'
import type { ChargeEntry } from '../roles/gateway.ts'
import type { Shop } from '../stores/place.ts'
import { chargesFile, deliveriesFile } from '../system/files.ts'
import { CONSUMERS } from '../system/messages.ts'

/** Everything that one run left behind. */
export interface Ledgers {
  readonly charges: readonly Pick<ChargeEntry, 'orderId' | 'amountPence'>[]
  /** Ids of paid orders, including completed ones. */
  readonly paid: readonly string[]
  readonly completed: readonly string[]
  /** The order id of every coupon. */
  readonly coupons: readonly string[]
  /** Points by customer. */
  readonly balances: ReadonlyMap<string, number>
  /** For each consumer the order ids it received, in order. */
  readonly deliveries: readonly (readonly string[])[]
  /** Messages that were never published. */
  readonly inOutbox: number
}

export async function readLedgers(shop: Shop, dir: string, inOutbox: number): Promise<Ledgers> {
  const orders = await shop.read<{ id: string; status: string }>('orders', 'SELECT id, status FROM orders')
  const coupons = await shop.read<{ order_id: string }>('coupons', 'SELECT order_id FROM coupons')
  const points = await shop.read<{ customer: string; points: number | string }>('points', 'SELECT * FROM points')
  return {
    charges: linesOf(chargesFile(dir)).map((line) => JSON.parse(line) as ChargeEntry),
    paid: orders.filter(({ status }) => status !== 'created').map(({ id }) => id),
    completed: orders.filter(({ status }) => status === 'completed').map(({ id }) => id),
    coupons: coupons.map(({ order_id }) => order_id),
    balances: sumsByCustomer(points),
    deliveries: CONSUMERS.map((consumer) => linesOf(deliveriesFile(dir, consumer))),
    inOutbox,
  }
}

/** Adds up points; some databases return whole numbers as text. */
function sumsByCustomer(rows: readonly { customer: string; points: number | string }[]): Map<string, number> {
  const sums = new Map<string, number>()
  for (const { customer, points } of rows) sums.set(customer, (sums.get(customer) ?? 0) + Number(points))
  return sums
}

function linesOf(file: string): readonly string[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
}
