import type { Outbox } from 'onlyonce/outbox'
import type { SqliteStore, SqliteTx } from 'onlyonce/sqlite'
import type { CrashHandler, CrashKit } from 'onlyonce/testing'

/** What the handlers of this folder are given: an SQLite store, and an outbox on it. */
export type Tools = { readonly outbox: Outbox<SqliteTx> }
export type Kit = CrashKit<SqliteStore, Tools>

/** A mistake that is easily made, and the same handler without it. */
export interface Example<Message> {
  readonly tables: readonly string[]
  readonly message: Message
  /** One that has nothing to do with the first. */
  readonly other: Message
  readonly broken: CrashHandler<Message, SqliteStore, Tools>
  readonly repaired: CrashHandler<Message, SqliteStore, Tools>
}

export interface Order {
  readonly id: string
  readonly customer: string
  readonly pence: number
}

export const first: Order = { id: '1100', customer: 'ann', pence: 4200 }
export const second: Order = { id: '1101', customer: 'bob', pence: 1500 }
