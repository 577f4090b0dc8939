import { join } from 'node:path'
import type { Service } from '../shop/tables.ts'

/** Where the ledgers of one run are. */
export const chargesFile = (dir: string): string => join(dir, 'gateway-charges.ndjson')
export const queueDb = (dir: string): string => join(dir, 'queue.db')
/** The tables of a service, where they are in a file. */
export const serviceDb = (dir: string, service: Service): string => join(dir, `${service}.db`)
/** One line for each message that the broker handed to `consumer`: an order id. */
export const deliveriesFile = (dir: string, consumer: string): string => join(dir, `deliveries-${consumer}.log`)
