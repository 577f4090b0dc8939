import type { Once } from '../../core/once.ts'
import type { EngineOptions } from '../../core/options.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { Store, TransactionalStore } from '../../core/store.ts'

export type TxOf<S> = S extends TransactionalStore<infer Tx> ? Tx : never

/**
 * What a handler works with under `crashEverywhere`. Every call of it is a point at which the process is stopped, before
 * and after. What goes past it is not seen: write through it, and return before nothing.
 */
export interface CrashKit<S extends Store, Use extends object = Record<string, never>> {
  readonly store: S
  /** What the option `use` made. */
  readonly use: Use
  /** Clocks and timers that end with the process: for engines that you make yourself. */
  readonly runtime: Runtime
  /** An engine on `store` and `runtime`, as a process makes it when it starts. */
  once(options: Omit<EngineOptions, 'store' | 'runtime'>): Once<TxOf<S>>
  /** One statement by itself, committed when it returns; answers its rows. On an SQL store. */
  sql(text: string, ...values: unknown[]): Promise<unknown[]>
  /**
   * Something that no transaction takes back: a mail, a payment, a published message. With a `key` it happens once for
   * each, as with a receiver that recognises repetitions.
   */
  outside(what: string, detail?: unknown, key?: string): Promise<{ readonly nth: number }>
  /** Tells the broker that the message is handled, now: it never comes again. Default: when the handler returns. */
  ack(): Promise<void>
  /** 1 for the first delivery of a trial. */
  readonly delivery: number
}

/** Where a trial happens: opened anew for each, and empty. */
export interface CrashWorld<S extends Store, Use extends object> {
  readonly store: S
  readonly use: Use
  /** One statement by itself. */
  sql(text: string, ...values: unknown[]): Promise<unknown[]>
}

export type CrashHandler<Message, S extends Store, Use extends object> = (
  message: Message,
  kit: CrashKit<S, Use>,
) => unknown

/** The rows of each table, or anything else that can be compared and printed. */
export type Snapshot = unknown

export interface CrashOptions<Message, S extends Store, Use extends object = Record<string, never>> {
  /** Opens an empty store, once for each trial; it is closed after it. */
  readonly store: () => S | Promise<S>
  readonly message: Message
  /** A message that must take effect beside the first one: finds keys that two messages share. */
  readonly other?: Message
  /** Whatever else the handler uses: connections, clients, fakes. Made for each trial; every call of a method is a point. */
  readonly use?: (store: S) => Use | Promise<Use>
  /** Makes the tables and what is in them at first. */
  readonly setup?: (world: CrashWorld<S, Use>) => unknown
  /** What is compared. Default: all tables of the SQLite store, its outbox included, and of SQLite connections in `use`. */
  readonly snapshot?: (world: CrashWorld<S, Use>) => Snapshot | Promise<Snapshot>
  /** `table`, `column` or `table.column` that may differ. What differs between two clean runs is left out by itself. */
  readonly ignore?: readonly string[]
  /** Frees what `use` and `setup` took, after each trial. */
  readonly close?: (world: CrashWorld<S, Use>) => unknown
  /** Default: a broker's verdict `{ kind: 'retry' }`. Whether an answer asks for the message to be delivered again. */
  readonly again?: (answer: unknown) => boolean
  /** Default 85 500 000, 23¾ hours, on the calendar only. How much later a message comes again: leases are over by then. */
  readonly againAfterMs?: number
  /** Default 10. A message that was not handled by then counts as lost. */
  readonly maxDeliveries?: number
  /** Default 5 000. A handler that has neither answered nor failed by then counts as hung. */
  readonly handlerTimeoutMs?: number
  /** Default 100. How long a delivery that meets another one in its middle may wait for it. */
  readonly patienceMs?: number
  /** Default 2 000. Beyond it the report says that trials are missing. */
  readonly maxTrials?: number
  /** Default: the handler's own. Its name in the report. */
  readonly name?: string
}
