import type { BrokerName } from '../brokers/broker-names.ts'
import type { StoreName } from '../stores/store-names.ts'

export const VARIANTS = ['unprotected', 'onlyonce'] as const
export type Variant = (typeof VARIANTS)[number]

export const CONSUMERS = ['coupon', 'points', 'fulfilment'] as const
export type Consumer = (typeof CONSUMERS)[number]

export type Role = 'gateway' | 'client' | 'api' | 'relay' | Consumer | 'audit'

/** The environment variable that holds a process's setup, as JSON. */
export const SETUP = 'ONLYONCE_DEMO_SETUP'

/** All that a process is given when it starts. */
export interface WorkerSetup {
  readonly role: Role
  readonly variant: Variant
  /** The directory of this run: ledgers, queue, orders. */
  readonly dir: string
  readonly seed: number
  /** The orders as NDJSON, already checked. */
  readonly orders: string
  readonly gatewayPort: number
  readonly store: StoreName
  /** May hold a password, like `brokerUrl`. Empty if there is none. */
  readonly storeUrl: string
  readonly broker: BrokerName
  readonly brokerUrl: string
}

/** What a role returns when it is ready. */
export interface Started {
  /** The port it listens on. */
  readonly port?: number
  /** Settles when its work is over; undefined for roles that serve until they are killed. */
  readonly finished?: Promise<unknown>
}

/** A message from a process to the supervisor. */
export type Report =
  | { readonly type: 'ready'; readonly port: number | undefined }
  /** How much was done since the last report. */
  | { readonly type: 'progress'; readonly done: number }
  | { readonly type: 'finished'; readonly result: unknown }

/** A message from the supervisor to the client: the ports of the API workers. */
export interface Addresses {
  readonly type: 'addresses'
  readonly ports: readonly number[]
}
