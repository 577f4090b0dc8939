import type { OnceListener } from './events.ts'
import type { KeyInput } from './key.ts'
import type { AbandonedPolicy, CallOptions, LeaseOptions, ResolvedOptions } from './options.ts'
import type { OperationState } from './record.ts'
import type { Store } from './store.ts'
import type { RunningSweeper } from './sweeper.ts'

/** What the effect gets of its operation. */
export interface Operation {
  readonly scope: string
  /** As the caller gave it; use `child` for keys to send downstream. */
  readonly key: string
  /** 1 for a clean start; larger when earlier owners disappeared and the effect may have happened already. */
  readonly attempt: number
  /** How often the effect was allowed to start, failed and released attempts included. */
  readonly starts: number
  /** Grows with every claim. Hand it to systems that can refuse a smaller one. 0 when running unprotected. */
  readonly fence: number
  /** Token of this attempt; never used for another one. */
  readonly owner: string
  /** Aborts when the lease is lost or `maxRunMs` is over. Stop then: what the effect returns may not count. */
  readonly signal: AbortSignal
  /**
   * Runs `fn` once per operation: its result is stored before the step counts as done, and a later attempt gets it
   * without running `fn`. Returns the stored result. After a crash inside `fn`, the next attempt runs `fn` again.
   * @throws OnlyonceError LEASE_LOST, RESULT_UNSERIALIZABLE; OPTION_INVALID for a name used twice in one attempt;
   * OUTCOME_UNKNOWN when an earlier attempt finished a step that this one did not ask for: the code has changed
   */
  step<T>(name: string, fn: () => Promise<T> | T): Promise<T>
  /**
   * Returns the key to send downstream for the part `name`: the same on every attempt, in every process.
   * @throws OnlyonceError KEY_INVALID for a name that is no well-formed text, or has what is left of a missing value in it
   */
  child(name: string): string
}

/** What is to take effect once. Its stored result, a copy, is what every caller gets, the first one too. */
export type Effect<T> = (op: Operation) => Promise<T> | T
/**
 * What is to take effect once, in a transaction. Write through `tx`, do not end it, and await everything: what happens
 * outside of it is not undone with it.
 */
export type AtomicEffect<Tx, T> = (tx: Tx, op: Operation) => Promise<T> | T

/** How one call ended. A duplicate is an outcome, never an exception. */
export type Outcome<T> =
  /** This call ran the effect; `value` is what was stored. */
  | { readonly kind: 'executed'; readonly value: T; readonly attempt: number; readonly fence: number }
  | { readonly kind: 'replayed'; readonly value: T }
  | { readonly kind: 'in-flight'; readonly retryAfterMs: number }
  | { readonly kind: 'mismatch' }
  /** Abandoned under `onAbandoned: 'hold'`: waits for an operator's decision. */
  | { readonly kind: 'unknown' }
  /** The effect threw `error`; `replayed` when an earlier call did, and `onThrow` remembered it. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly replayed: boolean }

/**
 * Options of one atomic call. `onStoreDown: 'run'` is refused here, and `leaseMs` only bounds how long an unclear
 * commit is asked about.
 */
export interface AtomicOptions<Tx> extends CallOptions {
  /**
   * Default: none, and the store begins and commits one. The caller's own open transaction: record and effect commit,
   * or are rolled back, with it.
   */
  readonly tx?: Tx
}

/**
 * The effect of a batch. `ops` is parallel to the keys: an operation where the claim was granted, `undefined` where the
 * key is not to be run. What it returns is not stored.
 */
export type BatchEffect<Tx> = (tx: Tx, ops: readonly (Operation | undefined)[]) => unknown

/** The call options that a batch accepts. */
export interface BatchOptions extends LeaseOptions {
  /** Default: the engine's. What to do with each operation whose earlier owner disappeared without settling. */
  readonly onAbandoned?: AbandonedPolicy
}

/** `undone`: nothing of this operation happened, because another one of the batch failed or is in flight: ask again. */
export type BatchOutcome = Outcome<unknown> | { readonly kind: 'undone' }

/** The calls of `once.atomic`, where record and effect commit in one transaction of the type `Tx`, or neither does. */
export interface AtomicCall<Tx> {
  /**
   * Runs `effect` once for `key`, in one transaction with the record; a duplicate gets the stored result.
   * With `{ tx }` it joins your open transaction, and nothing is final before you commit.
   * @throws OnlyonceError with any of the error codes; or the effect's own error, unchanged
   */
  <T>(key: KeyInput, effect: AtomicEffect<Tx, T>, options?: AtomicOptions<Tx>): Promise<T>
  /** As the call itself, but returns an `Outcome`. */
  attempt<T>(key: KeyInput, effect: AtomicEffect<Tx, T>, options?: AtomicOptions<Tx>): Promise<Outcome<T>>
  /**
   * Runs many operations in one transaction: all are claimed together, and `effect` runs once for those that are
   * granted. Returns an outcome per key, in the order of the keys, also for duplicates within the batch. All or
   * nothing: when the effect throws, or one of the operations is in flight, nothing was changed.
   * @throws OnlyonceError KEY_MISSING, KEY_INVALID, OPTION_INVALID, STORE_UNAVAILABLE, LEASE_LOST, OUTCOME_UNKNOWN
   */
  batch(keys: readonly KeyInput[], effect: BatchEffect<Tx>, options?: BatchOptions): Promise<readonly BatchOutcome[]>
}

/** An operation as `find` shows it. */
export interface OperationView {
  readonly scope: string
  readonly key: string
  /** `abandoned`: running, but its lease has run out. `unknown`: done, and waiting for an operator's decision. */
  readonly state: OperationState | 'abandoned' | 'unknown'
  readonly attempt: number
  readonly starts: number
  readonly fence: number
  readonly createdAt: Date
  readonly retainUntil: Date
  /** The stored result, when the state is `done`. */
  readonly result?:
    | { readonly kind: 'value'; readonly value: unknown }
    | { readonly kind: 'error'; readonly error: unknown }
}

/** An engine, whatever its store: what to ask for in a function or class of yours that does not call `atomic`. */
export interface AnyOnce extends AsyncDisposable {
  /**
   * Runs `effect` once for `key`; a duplicate gets the stored result.
   * @throws OnlyonceError with any of the error codes; or the effect's own error, unchanged
   */
  <T>(key: KeyInput, effect: Effect<T>, options?: CallOptions): Promise<T>
  /** As the call itself, but returns an `Outcome`: duplicates and errors of the effect are not thrown. */
  attempt<T>(key: KeyInput, effect: Effect<T>, options?: CallOptions): Promise<Outcome<T>>
  /** `Once` types it for the store's own transactions; `undefined` where the store has none. */
  readonly atomic: unknown
  /**
   * A lock: one effect at a time for `key`. Returns what the effect returned, and no result is stored: the next call
   * runs its own effect. Its keys never meet those of the other calls. Default of `retentionMs` here: `leaseMs`.
   * @throws OnlyonceError IN_FLIGHT while another one holds it, unless `onInFlight: 'wait'`; as the call itself
   */
  exclusive<T>(key: KeyInput, effect: Effect<T>, options?: CallOptions): Promise<T>
  /**
   * Returns what the store holds for `key`, without running or changing anything; `undefined` when there is no record.
   * @throws OnlyonceError KEY_MISSING, KEY_INVALID, OPTION_INVALID (scope), STORE_UNAVAILABLE, OUTCOME_UNKNOWN (it cannot be
   * read), CLOSED
   */
  find(key: KeyInput): Promise<OperationView | undefined>
  /**
   * Removes the record, so that the effect may run again. Returns whether there was one.
   * @throws OnlyonceError STORE_UNAVAILABLE when the store did not answer: there is no retry; the record may be gone
   */
  forget(key: KeyInput): Promise<boolean>
  /**
   * Removes records whose retention is over, at once and then every `everyMs` (default: `sweepEveryMs`), also while
   * nothing is claimed. Without a sweeper, claims start a sweep from time to time.
   * @throws OnlyonceError OPTION_INVALID, CLOSED
   */
  sweeper(options?: { readonly everyMs?: number }): RunningSweeper
  /** Subscribes to all events. Returns an unsubscribe function. @throws OnlyonceError OPTION_INVALID */
  on(listener: OnceListener): () => void
  /** Refuses new calls (`CLOSED`) and resolves when running effects have settled. Does not close the store. */
  close(): Promise<void>
  /** The store of this engine. */
  readonly store: Store
  /** All options, with defaults filled in. */
  readonly options: ResolvedOptions
}

/** What `onlyonce` returns for a store whose transactions are of type `Tx`; `never` where it has none. */
export interface Once<Tx = never> extends AnyOnce {
  /**
   * Commits the record and the effect's own writes in one transaction. Only for transactional stores (SQLite,
   * PostgreSQL, MySQL): otherwise its type is `never` and its value `undefined`.
   */
  readonly atomic: [Tx] extends [never] ? never : AtomicCall<Tx>
}
