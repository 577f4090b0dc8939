import type { TransactionalStore } from '../../src/index.ts'
import type { Kind } from '../support/services.ts'

/** What the shared cases have to know of a kind of server. */
export interface Server<Tx> {
  readonly kind: Kind
  /** The driver whose way to ask an executor imitates. */
  readonly driver: string
  /** How it says that a row is there already. */
  readonly duplicateCode: string
  world(url: string): Promise<World<Tx>>
  insert(tx: Tx, place: string, key: string): Promise<unknown>
  /**
   * Expects that an executor answers as the driver does, also where a statement has marks that are only text. `snakeCase`
   * is how a column `snake_case` comes back.
   */
  asksAsItsDriver(tx: Tx, place: string, snakeCase: string): Promise<void>
}

/** A place of its own on a shared server, with a table `effects` whose only column is the primary key `key`. */
export interface World<Tx> {
  /** Where the library connects to. */
  readonly url: string
  /** The schema or the database of the table. */
  readonly place: string
  readonly store: TransactionalStore<Tx> & { migrate(): Promise<unknown> }
  /** A store whose claims in this transaction do not wait for a rival's for long. */
  impatient(tx: Tx): Promise<TransactionalStore<Tx>>
  /** Of the table, as committed. */
  keys(): Promise<string[]>
  /** Whether a claim waits for the row of another transaction. */
  blocked(): Promise<boolean>
  close(): Promise<void>
}
