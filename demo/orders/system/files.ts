import { join } from 'node:path'

/** Where the ledgers of one run are. */
export const chargesFile = (dir: string): string => join(dir, 'gateway-charges.ndjson')
export const ordersDb = (dir: string): string => join(dir, 'orders.db')
export const queueDb = (dir: string): string => join(dir, 'queue.db')
export const couponsDb = (dir: string): string => join(dir, 'coupons.db')
export const pointsDb = (dir: string): string => join(dir, 'points.db')
/** One line for each message that the broker handed to `consumer`: an order id. */
export const deliveriesFile = (dir: string, consumer: string): string => join(dir, `deliveries-${consumer}.log`)
