import type { Dialect } from './tx.ts'
import type { SqlInput } from './values.ts'

/** A row of a statement of ours. */
export type Row = Readonly<Record<string, unknown>>

/** The narrow way to a database: everything the guards ask goes through here. */
export interface SqlPort {
  readonly dialect: Dialect
  /** A name as it stands in a statement. It was checked to be a plain identifier. */
  quoted(name: string): string
  /** What stands for the nth value, from 1. Values are used once each, in their order. */
  placeholder(nth: number): string
  rows(sql: string, values: readonly SqlInput[]): Promise<readonly Row[]>
  /** How many rows a write changed; undefined where the library does not tell. */
  change(sql: string, values: readonly SqlInput[]): Promise<number | undefined>
  /** A pool gives each statement another connection: two statements are never one transaction. */
  readonly pooled: boolean
  /** Whether a transaction is open, so that two statements stand or fall together. */
  inTransaction(): Promise<boolean>
}
