import type { Store, TransactionalStore } from 'onlyonce'
import type { SqlTx } from 'onlyonce/sql'
import type { Service } from '../shop/tables.ts'

export type Value = string | number

/** The tables of one service, and the outbox beside them. */
export interface Books<Tx = SqlTx> {
  readonly store: TransactionalStore<Tx>
  /** Runs a statement with `?` for every value in that transaction; returns how many rows it changed. */
  write(tx: Tx, sql: string, values: readonly Value[]): Promise<number>
}

/** The storage of the shop with onlyonce, as a worker sees it. */
export interface Shop {
  books(service: Service): Promise<Books>
  /** The store of `once`. Undefined: the same database as the books, so that both can commit together. */
  readonly records: Store | undefined
  /** Returns committed rows only. */
  read<Row>(service: Service, sql: string, values?: readonly Value[]): Promise<readonly Row[]>
}

/** Space on a server for one run. */
export interface Room {
  /** The URL for workers. Holds the password, if there is one. */
  readonly url: string
  /** A description without the password; undefined if it is just the directory of the run. */
  readonly name?: string
  remove(): Promise<void>
}

/** A kind of storage for a shop. */
export interface Place {
  /** @throws OnlyonceError OPTION_INVALID for an invalid URL, STORE_UNAVAILABLE when the server does not answer */
  makeRoom(url: string): Promise<Room>
  /** `url` is that of the room, `dir` the directory of the run. Connects at the first use. */
  open(url: string, dir: string): Promise<Shop>
}
