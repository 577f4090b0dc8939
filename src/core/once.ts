import type { OnceListener } from './events.ts'
import type { KeyInput } from './key.ts'
import type { CallOptions, ResolvedOptions } from './options.ts'
import type { OperationState } from './record.ts'
import type { Store } from './store.ts'
import type { RunningSweeper } from './sweeper.ts'

/** What the effect is told about the operation it carries out. */
export interface Operation {
  readonly scope: string
  /** As it was given; the effect's own idempotency keys come from `child`. */
  readonly key: string
  /** 1 for a clean start; larger when earlier owners disappeared and the effect may have happened already. */
  readonly attempt: number
  /** How often the effect was allowed to start, failed and released attempts included. */
  readonly starts: number
  /** Grows with every claim. Hand it to systems that can refuse a smaller one. 0 when running unprotected. */
  readonly fence: number
  /** Names this attempt, and nothing else ever. */
  readonly owner: string
  /** Aborts when the lease is lost or `maxRunMs` is over: stop, nothing you return will count. */
  readonly signal: AbortSignal
  /**
   * Runs `fn` once per operation: its result is stored before the step counts as done, and a later attempt gets it
   * without running `fn`. Answers the stored result. A crash inside `fn` runs `fn` again.
   * @throws OnlyonceError LEASE_LOST, RESULT_UNSERIALIZABLE; OPTION_INVALID for a name used twice in one attempt;
   * OUTCOME_UNKNOWN when an earlier attempt finished a step that this one has not asked for: the steps were changed
   */
  step<T>(name: string, fn: () => Promise<T> | T): Promise<T>
  /** The key to send downstream for the part `name`: the same on every attempt, in every process. */
  child(name: string): string
}

export type Effect<T> = (op: Operation) => Promise<T> | T
export type AtomicEffect<Tx, T> = (tx: Tx, op: Operation) => Promise<T> | T

/** What became of one call. Duplicates never throw. */
export type Outcome<T> =
  /** This call ran the effect; `value` is what was stored. */
  | { readonly kind: 'executed'; readonly value: T; readonly attempt: number; readonly fence: number }
  | { readonly kind: 'replayed'; readonly value: T }
  | { readonly kind: 'in-flight'; readonly retryAfterMs: number }
  | { readonly kind: 'mismatch' }
  /** Abandoned under the policy `hold`: waits for an operator. */
  | { readonly kind: 'unknown' }
  /** The effect threw `error`; `replayed` when an earlier call did, and `onThrow` remembered it. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly replayed: boolean }

export interface AtomicOptions<Tx> extends CallOptions {
  /** Join this open transaction of yours: record and effect commit, or vanish, with it. */
  readonly tx?: Tx
}

/**
 * The effect of a batch. `ops` has an operation for each key that was granted, in the order of the keys, and `undefined` for
 * each that is not to be run. What it returns is not kept.
 */
export type BatchEffect<Tx> = (tx: Tx, ops: readonly (Operation | undefined)[]) => unknown

/** What a batch may be given: the rest cannot be kept for many at once. */
export type BatchOptions = Pick<CallOptions, 'leaseMs' | 'maxRunMs' | 'retentionMs' | 'onAbandoned'>

/** `undone`: nothing of this one happened, because another one of the batch failed or is in flight: ask again. */
export type BatchOutcome = Outcome<unknown> | { readonly kind: 'undone' }

export interface AtomicCall<Tx> {
  <T>(key: KeyInput, effect: AtomicEffect<Tx, T>, options?: AtomicOptions<Tx>): Promise<T>
  /** As the call itself, but answers an `Outcome`. */
  attempt<T>(key: KeyInput, effect: AtomicEffect<Tx, T>, options?: AtomicOptions<Tx>): Promise<Outcome<T>>
  /**
   * Many operations in one transaction: all are claimed together, and `effect` runs once for those that are granted. Answers
   * an outcome for each key, in their order; duplicates are told apart one by one, also within the batch. All or
   * nothing: when the effect throws, or one of them is in flight, nothing was changed.
   * @throws OnlyonceError KEY_MISSING, KEY_INVALID, OPTION_INVALID, STORE_UNAVAILABLE, LEASE_LOST, OUTCOME_UNKNOWN
   */
  batch(keys: readonly KeyInput[], effect: BatchEffect<Tx>, options?: BatchOptions): Promise<readonly BatchOutcome[]>
}

/** An operation as somebody looking at it sees it. */
export interface OperationView {
  readonly scope: string
  readonly key: string
  /** `abandoned`: running, but its lease is over. `unknown`: done, and waiting for an operator's decision. */
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

export interface Once<Tx = never> extends AsyncDisposable {
  /**
   * Runs `effect` once for `key`; a duplicate gets the stored result.
   * @throws OnlyonceError see the codes; whatever the effect threw, as it was thrown
   */
  <T>(key: KeyInput, effect: Effect<T>, options?: CallOptions): Promise<T>
  /** As the call itself, but answers an `Outcome`: duplicates and errors of the effect are not thrown. */
  attempt<T>(key: KeyInput, effect: Effect<T>, options?: CallOptions): Promise<Outcome<T>>
  /**
   * Record and the effect's own writes commit in one transaction. Only engines whose store is transactional have it (SQLite,
   * PostgreSQL, MySQL): elsewhere its type is `never`, and it is `undefined`.
   */
  readonly atomic: [Tx] extends [never] ? never : AtomicCall<Tx>
  /** A lock: one effect at a time for `key`, and no result is remembered. Its keys never meet those of the other calls. */
  exclusive<T>(key: KeyInput, effect: Effect<T>, options?: CallOptions): Promise<T>
  /**
   * What the store knows of `key`, without running or changing anything; `undefined` when nothing, or no longer.
   * @throws OnlyonceError KEY_MISSING, KEY_INVALID, OPTION_INVALID (scope), STORE_UNAVAILABLE, OUTCOME_UNKNOWN (it cannot be
   * read), CLOSED
   */
  find(key: KeyInput): Promise<OperationView | undefined>
  /**
   * Removes the record: the effect may run again. Answers whether there was one.
   * @throws OnlyonceError STORE_UNAVAILABLE when the store's answer was lost, which is not asked for again: the record may be gone
   */
  forget(key: KeyInput): Promise<boolean>
  /**
   * Removes what is past its retention, now and then every `everyMs` (default 60 000), also while nothing is claimed: for
   * a process whose job this is. Without one, claims set off a sweep now and then.
   * @throws OnlyonceError OPTION_INVALID, CLOSED
   */
  sweeper(options?: { readonly everyMs?: number }): RunningSweeper
  /** Answers a function that ends the subscription. */
  on(listener: OnceListener): () => void
  /** Accepts nothing new (`CLOSED`), lets running effects settle. The store stays open: it is yours. */
  close(): Promise<void>
  /** The store it was made with. */
  readonly store: Store
  /** Every option, with its default where it was not given. */
  readonly options: ResolvedOptions
}
