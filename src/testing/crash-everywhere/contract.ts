import type { Once } from '../../core/once.ts'
import type { EngineOptions } from '../../core/options.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { Store, TransactionalStore } from '../../core/store.ts'

export type TxOf<S> = S extends TransactionalStore<infer Tx> ? Tx : never

/**
 * What a handler works with under `crashEverywhere`. The process is stopped before and after every call made through
 * it. Other writes are not seen: write only through it, and do not return before all work is done.
 */
export interface CrashKit<S extends Store, Use extends object = Record<string, never>> {
  readonly store: S
  /** What the option `use` returned. */
  readonly use: Use
  /** Clock and timers that end with the process: for engines that you create yourself. */
  readonly runtime: Runtime
  /** Creates an engine on `store` and `runtime`, as a process does when it starts. */
  once(options: Omit<EngineOptions, 'store' | 'runtime'>): Once<TxOf<S>>
  /** Runs one statement, committed when it returns, and returns its rows. Needs an SQL store. */
  sql(text: string, ...values: unknown[]): Promise<unknown[]>
  /**
   * An effect that no transaction takes back: a mail, a payment, a published message. With a `key` it happens once per
   * key, as with a receiver that recognises repetitions.
   */
  outside(what: string, detail?: unknown, key?: string): Promise<{ readonly nth: number }>
  /** Acknowledges the message now: the broker never delivers it again. Default: when the handler returns. */
  ack(): Promise<void>
  /** 1 for the first delivery of a trial. */
  readonly delivery: number
}

/** The environment of a trial: opened anew for each one, and empty. */
export interface CrashWorld<S extends Store, Use extends object> {
  readonly store: S
  readonly use: Use
  /** Runs one statement by itself and returns its rows. */
  sql(text: string, ...values: unknown[]): Promise<unknown[]>
}

/**
 * The handler to be judged: its message first, then what the kit lends it for the trial. Its return value is judged by
 * `again`.
 */
export type CrashHandler<Message, S extends Store, Use extends object> = (
  message: Message,
  kit: CrashKit<S, Use>,
) => unknown

/** The rows of each table, or anything else that can be compared and printed. */
export type Snapshot = unknown

/** How to open, fill and compare the world of one trial of `crashEverywhere`. */
export interface CrashOptions<Message, S extends Store, Use extends object = Record<string, never>> {
  /** Opens an empty store, once per trial; it is closed after it. */
  readonly store: () => S | Promise<S>
  /** The message that every trial delivers, and delivers again. */
  readonly message: Message
  /** Default: none. A second message that must have its own effect: finds keys that two messages share. */
  readonly other?: Message
  /**
   * Default: nothing. Anything else the handler uses: connections, clients, fakes. Made per trial; method calls are
   * crash points.
   */
  readonly use?: (store: S) => Use | Promise<Use>
  /** Default: nothing. Creates the tables and their initial rows. */
  readonly setup?: (world: CrashWorld<S, Use>) => unknown
  /** What is compared. Default: all tables of the SQLite store and its outbox, and of SQLite connections in `use`. */
  readonly snapshot?: (world: CrashWorld<S, Use>) => Snapshot | Promise<Snapshot>
  /**
   * Default: none. `table`, `column` or `table.column` that may differ. What differs between two clean runs is always
   * ignored.
   */
  readonly ignore?: readonly string[]
  /** Default: nothing. Releases what `use` and `setup` took, after each trial. */
  readonly close?: (world: CrashWorld<S, Use>) => unknown
  /** Whether the handler's return value asks for redelivery. Default: if it is the verdict `{ kind: 'retry' }`. */
  readonly again?: (answer: unknown) => boolean
  /** Default 85 500 000 (23¾ hours), by `Date` only: how much later a message comes again. Leases are over by then. */
  readonly againAfterMs?: number
  /** Default 10. A message that is not handled by then counts as lost. */
  readonly maxDeliveries?: number
  /** Default 5 000. A handler that has neither returned nor thrown by then counts as hung. */
  readonly handlerTimeoutMs?: number
  /** Default 100. How long a delivery that overlaps a held one may wait for it. */
  readonly patienceMs?: number
  /** Default 2 000. Trials beyond it are left out, and the report says so. */
  readonly maxTrials?: number
  /** The handler's name in the report. Default: that of the function. */
  readonly name?: string
}
