import { join } from 'node:path'
import type { Service } from '../shop/tables.ts'

/** The paths of one run's ledgers. */
export const chargesFile = (dir: string): string => join(dir, 'gateway-charges.ndjson')
export const queueDb = (dir: string): string => join(dir, 'queue.db')
/** The tables of a service, if they are in a file. */
export const serviceDb = (dir: string, service: Service): string => join(dir, `${service}.db`)
/** One order id per line, for each message delivered to `consumer`. */
export const deliveriesFile = (dir: string, consumer: string): string => join(dir, `deliveries-${consumer}.log`)
