import { invalidKind } from './option-rules.ts'
import type { Lease, ObservedRecord, OperationId, OperationState, Steps, StoredResult } from './record.ts'

/** What a store guarantees. The engine relies on it. */
export interface StoreTraits {
  /** Survives a restart of the process that wrote it. */
  readonly durable: boolean
  /** Can commit the record together with the caller's own writes. */
  readonly transactional: boolean
  /** Keeps a granted claim when its server is replaced. */
  readonly survivesFailover: boolean
  /** Removes expired records without `sweep`. */
  readonly selfExpiring: boolean
}

/** How many calls a store handles concurrently. */
export interface StoreConcurrency {
  /** Maximum number of concurrent calls per verb. Pending requests are divided evenly between them. */
  readonly batches: number
}

/**
 * Asks for the right to run an effect. `leaseMs` and `retentionMs` begin when the store grants it, by its own clock.
 * With a payload, `fingerprint` is that of the payload; a record with another one is a `mismatch`.
 */
export interface ClaimRequest {
  readonly id: OperationId
  /** Absent, like `key`, under `keys: 'hashed'`. Stores keep both for reading only and never look up by them. */
  readonly scope?: string
  readonly key?: string
  readonly fingerprint: string
  /** Chosen before the claim is sent, so that a claim whose answer was lost can be repeated. */
  readonly owner: string
  readonly leaseMs: number
  readonly retentionMs: number
}

/**
 * What became of a claim: it was granted, the operation is done, somebody else runs it for another `retryAfterMs`
 * unless the lease is renewed, or its key is bound to another fingerprint.
 */
export type ClaimOutcome =
  /** `attempt > 1`: an earlier owner abandoned it. */
  | {
      readonly kind: 'granted'
      readonly lease: Lease
      readonly attempt: number
      readonly starts: number
      readonly steps: Steps
    }
  | { readonly kind: 'done'; readonly id: OperationId; readonly fence: number; readonly result: StoredResult }
  | { readonly kind: 'running'; readonly retryAfterMs: number }
  | { readonly kind: 'mismatch' }

/**
 * Extends a lease to `leaseMs` from now and the record's retention to `leaseMs + retentionMs` from now; neither gets
 * shorter.
 */
export interface Renewal {
  readonly lease: Lease
  readonly leaseMs: number
  readonly retentionMs: number
  /** All steps so far. A list shorter than the stored one is a delayed repeat and is ignored. */
  readonly steps?: Steps
}

/**
 * Settles a running operation. Its result answers duplicates for `retentionMs` from now; a result `unknown` is kept for
 * ever.
 */
export interface Completion {
  readonly lease: Lease
  readonly result: StoredResult
  readonly retentionMs: number
}

/** `lost`: the lease no longer holds the operation, and nothing was changed. */
export type WriteOutcome = 'ok' | 'lost'

/** Which records `list` returns. Without `state` and `scope`: all whose retention is not over. */
export interface ListQuery {
  /** `abandoned` is a running record whose lease is over; `unknown` a done one that waits for a decision. */
  readonly state?: OperationState | 'abandoned' | 'unknown'
  readonly scope?: string
  /** Maximum number of records on the page. */
  readonly limit: number
  /** `next` of the previous page. */
  readonly after?: string
}

/**
 * One page of a list, in an order of the store's own. `next` is what `after` of the following page has to be; absent on
 * the last.
 */
export interface Page<T> {
  readonly items: readonly T[]
  readonly next?: string
}

/**
 * Where records are kept. Every verb is one atomic step judged by the store's own clock, takes a batch of distinct ids,
 * and answers in the order of the batch. `decideClaim`, `decideRenew`, `decideComplete` and `decideRelease` specify
 * what each verb decides; `storeConformance` of `onlyonce/testing` tests it. Calls may be repeated with the same
 * arguments at any time, by the network or by the engine.
 */
export interface Store extends AsyncDisposable {
  /** Names the store in messages, such as `postgres`. */
  readonly name: string
  /** What the store guarantees. The engine reads it once, and refuses options that need more. */
  readonly traits: StoreTraits
  /** How the engine batches calls to this store. Absent: one call per verb at a time, while the rest waits. */
  readonly concurrency?: StoreConcurrency
  /**
   * Gives each operation to one owner, or says why not. A claim repeated with the same owner is granted again,
   * unchanged.
   */
  claim(requests: readonly ClaimRequest[]): Promise<readonly ClaimOutcome[]>
  /** Extends leases and saves steps. `lost` when the lease is not that of the running operation, by owner and fence. */
  renew(renewals: readonly Renewal[]): Promise<readonly WriteOutcome[]>
  /**
   * Stores results, also after the lease ran out if nobody else claimed since. Of a done operation only a result
   * `unknown` is replaced; anything else is a repeat: `ok`.
   */
  complete(completions: readonly Completion[]): Promise<readonly WriteOutcome[]>
  /** Gives operations back, so that the same payload may be claimed at once. Fingerprint, fence and steps stay. */
  release(leases: readonly Lease[]): Promise<readonly WriteOutcome[]>
  /**
   * Returns the record of each id; `undefined` where there is none or its retention is over.
   * @throws OnlyonceError OUTCOME_UNKNOWN for a record that cannot be read
   */
  find(ids: readonly OperationId[]): Promise<readonly (ObservedRecord | undefined)[]>
  /** An unreadable record should not hide the others: it may be listed with an unknown result; `find` tells why. */
  list(query: ListQuery): Promise<Page<ObservedRecord>>
  /** Removes records in any state, so that their effects may run again. Returns how many there were. */
  forget(ids: readonly OperationId[]): Promise<number>
  /** Removes up to `limit` (an integer > 0) records past retention, or more that go together. Returns how many. */
  sweep(limit: number): Promise<number>
  /**
   * Calls `wake` when the operation may have been settled or released, until the returned function is called.
   * A hint: it may come late, twice, or never, so a waiter also polls. Absent where the store cannot notify.
   */
  watch?(id: OperationId, wake: () => void): () => void
}

/**
 * Claims inside one open transaction. The claim writes the record as done without a value, because nobody else can see
 * it before the commit; `complete` is needed only to store a value, or to start the retention anew.
 */
export interface AtomicClaims {
  /** As `claim` of the store, for one operation; granted, it is written as done without a value. */
  claim(request: ClaimRequest): Promise<ClaimOutcome>
  /**
   * Claims operations with distinct ids, and answers in their order. Rows are written in the order of the ids, so that
   * two batches cannot deadlock. When a rival's transaction does not end in time, the answer may be `running` for all
   * of them: then nothing of the batch was claimed.
   */
  claimAll(requests: readonly ClaimRequest[]): Promise<readonly ClaimOutcome[]>
  /** Puts the value beside the claim, and starts the retention anew. `lost` when it is not the record of this lease. */
  complete(completion: Completion): Promise<WriteOutcome>
  /**
   * Runs `work` inside a savepoint. When `work` throws, its writes are undone, and the transaction goes on.
   * @throws OnlyonceError OUTCOME_UNKNOWN when `work` ended the transaction itself
   */
  guarded<T>(work: () => Promise<T>): Promise<T>
}

/**
 * A store that commits records together with the caller's own writes, in transactions of the type `Tx`. `once.atomic`
 * needs one.
 */
export interface TransactionalStore<Tx> extends Store {
  /** Runs `work` in a transaction: commits when it resolves, rolls back when it rejects. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** Claims inside `tx`. A rival for the same id waits for the row lock, not for a lease. */
  within(tx: Tx): AtomicClaims
  /** The outbox table beside the records. */
  readonly outbox: OutboxTable<Tx>
  /**
   * Returns the function that runs an effect of one statement together with its claim, in one round trip; `undefined`
   * for every other effect. Absent where the store cannot do so.
   */
  beside?(effect: unknown): EffectBesideClaim | undefined
}

/**
 * Writes a first claim as done and runs the effect with it, both or neither. Returns the fence; `undefined` when
 * nothing was changed, because the operation has a record or the server refused: a transaction then finds out which.
 * @throws OnlyonceError OUTCOME_UNKNOWN when the answer was lost; anything else: nothing was changed
 */
export type EffectBesideClaim = (request: ClaimRequest, maxRunMs: number) => Promise<number | undefined>

/** A message waiting to be published, exactly as it will be. */
export interface OutboxMessage {
  /** The same on every publish attempt: what a consumer deduplicates by. */
  readonly id: string
  readonly topic: string
  readonly body: Uint8Array
  readonly headers: Readonly<Record<string, string>>
  /** Messages with the same ordering key are published one after the other. */
  readonly orderingKey?: string
}

/** A waiting message as `take` hands it to the relay. */
export interface OutboxEntry extends OutboxMessage {
  /** Grows in commit order on a single-writer database. */
  readonly position: number
  /** Number of failed attempts to publish it. */
  readonly failures: number
  /** Why the row cannot be read; the other members hold what is readable. It is parked instead of published. */
  readonly unreadable?: string
}

/** A message that was parked instead of being published again. */
export interface ParkedEntry extends OutboxEntry {
  readonly reason: string
  /** Time since it was added to the outbox, by the store's clock. */
  readonly ageMs: number
}

/** How many messages of an outbox wait to be published, and how many were parked, which do not count as waiting. */
export interface OutboxStats {
  readonly waiting: number
  readonly parked: number
  /** Age of the oldest waiting message, by the store's clock; 0 when none waits. */
  readonly oldestMs: number
}

/** Each verb is one atomic step. The lease keeps a second relay idle; a stale relay can only repeat, never reorder. */
export interface OutboxTable<Tx> {
  /** Adds messages in the caller's transaction. A message whose id is already there is ignored. */
  append(tx: Tx, messages: readonly OutboxMessage[]): Promise<void>
  /**
   * Takes or renews the single relay lease, and returns the oldest `limit` waiting entries, except those at the
   * positions `held` (default: none), which the relay has read before; `undefined` while another relay holds the lease.
   */
  take(
    relay: string,
    leaseMs: number,
    limit: number,
    held?: readonly number[],
  ): Promise<readonly OutboxEntry[] | undefined>
  /** Records the result of each taken entry: published and removed, failed, or parked. May be repeated. */
  settle(results: readonly OutboxSettlement[]): Promise<void>
  /** Releases the relay lease early. */
  leave(relay: string): Promise<void>
  /** Counts what waits and what is parked; changes nothing. */
  stats(): Promise<OutboxStats>
  /** Returns parked entries after the position `after`, the oldest first. */
  parked(limit: number, after: number): Promise<readonly ParkedEntry[]>
  /** Puts parked entries back into the queue at their old positions, with no failures. Returns how many were parked. */
  unpark(positions: readonly number[]): Promise<number>
  /** Deletes parked entries. Returns how many were parked. */
  discard(positions: readonly number[]): Promise<number>
  /**
   * Calls `wake` when messages may have been added, until the returned function is called. A hint, as `Store.watch`.
   * Absent where the store cannot notify.
   */
  watch?(wake: () => void): () => void
}

/**
 * What became of a taken entry: `published` removes it; `failed` leaves it waiting for another attempt; `parked` puts
 * it aside until `unpark` or `discard`.
 */
export type OutboxSettlement =
  | { readonly position: number; readonly kind: 'published' }
  | {
      readonly position: number
      readonly kind: 'failed' | 'parked'
      readonly reason: string
      /** Number of failures, including this one. The stored number never decreases, so that a repeat counts once. */
      readonly failures: number
    }

/** Whether it has transactions. That they are `Tx`, no store can be asked: whoever names it knows what was opened. */
export function isTransactional<Tx>(store: Store): store is TransactionalStore<Tx> {
  if (typeof Object(store).traits === 'object') return store.traits.transactional
  throw invalidKind('store', 'must be a store, awaited: `await openStore(url)`', store)
}
