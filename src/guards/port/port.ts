import type { Dialect } from './tx.ts'
import type { SqlInput } from './values.ts'

/** A row of one of our statements. */
export type Row = Readonly<Record<string, unknown>>

/** The interface to a database that all guards use. */
export interface SqlPort {
  readonly dialect: Dialect
  /** Quotes a name that was checked to be a plain identifier. */
  quoted(name: string): string
  /** Returns the placeholder of the nth value, from 1. Each value is used once, in order. */
  placeholder(nth: number): string
  rows(sql: string, values: readonly SqlInput[]): Promise<readonly Row[]>
  /** Runs a write. Returns how many rows it changed; undefined if the library does not report it. */
  change(sql: string, values: readonly SqlInput[]): Promise<number | undefined>
  /** True for a pool, which may use another connection for each statement, so that two are never one transaction. */
  readonly pooled: boolean
  /** Whether a transaction is open. */
  inTransaction(): Promise<boolean>
}
