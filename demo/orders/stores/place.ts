import type { Store, TransactionalStore } from 'onlyonce'
import type { SqlTx } from 'onlyonce/sql'
import type { Service } from '../shop/tables.ts'

export type Value = string | number

/** The tables of one service, with the outbox beside them. */
export interface Books<Tx = SqlTx> {
  readonly store: TransactionalStore<Tx>
  /** Runs a statement with `?` for every value inside that transaction; answers how many rows it changed. */
  write(tx: Tx, sql: string, values: readonly Value[]): Promise<number>
}

/** Where the shop with onlyonce keeps what must not get lost, as a worker sees it. */
export interface Shop {
  books(service: Service): Promise<Books>
  /** Where `once` keeps its records. Undefined: in the same database as the books, so that both can commit together. */
  readonly records: Store | undefined
  /** Rows that are committed. */
  read<Row>(service: Service, sql: string, values?: readonly Value[]): Promise<readonly Row[]>
}

/** Room on a server that belongs to one run alone. */
export interface Room {
  /** How workers reach it. Holds the password, if there is one. */
  readonly url: string
  /** In words, without a password; undefined where it is nothing but the directory of the run. */
  readonly name?: string
  remove(): Promise<void>
}

/** A kind of place where a shop can be. */
export interface Place {
  /** @throws OnlyonceError OPTION_INVALID for a URL that is none, STORE_UNAVAILABLE when nobody answers there */
  makeRoom(url: string): Promise<Room>
  /** `url` is that of the room, `dir` the directory of the run. Nothing is opened before it is used. */
  open(url: string, dir: string): Promise<Shop>
}
