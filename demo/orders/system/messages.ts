import type { BrokerName } from '../brokers/broker-names.ts'
import type { StoreName } from '../stores/store-names.ts'

export const VARIANTS = ['unprotected', 'onlyonce'] as const
export type Variant = (typeof VARIANTS)[number]

export const CONSUMERS = ['coupon', 'points', 'fulfilment'] as const
export type Consumer = (typeof CONSUMERS)[number]

export type Role = 'gateway' | 'client' | 'api' | 'relay' | Consumer | 'audit'

/** The variable of the environment that holds the setup of a process, as JSON. */
export const SETUP = 'ONLYONCE_DEMO_SETUP'

/** All that a process is told when it starts. */
export interface WorkerSetup {
  readonly role: Role
  readonly variant: Variant
  /** Of this run: ledgers, queue, orders. */
  readonly dir: string
  readonly seed: number
  /** The orders as NDJSON, already checked. */
  readonly orders: string
  readonly gatewayPort: number
  readonly store: StoreName
  /** May hold a password, like `brokerUrl`. Empty where there is none. */
  readonly storeUrl: string
  readonly broker: BrokerName
  readonly brokerUrl: string
}

/** What a role answers once it works. */
export interface Started {
  /** Where it listens. */
  readonly port?: number
  /** Settles when its work is over; left out by roles that serve until they are killed. */
  readonly finished?: Promise<unknown>
}

/** From a process to the supervisor. */
export type Report =
  | { readonly type: 'ready'; readonly port: number | undefined }
  /** So much more was done since the last report. */
  | { readonly type: 'progress'; readonly done: number }
  | { readonly type: 'finished'; readonly result: unknown }

/** From the supervisor to the client: where the API listens now. */
export interface Addresses {
  readonly type: 'addresses'
  readonly ports: readonly number[]
}
