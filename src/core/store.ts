import type { Lease, ObservedRecord, OperationId, OperationState, Steps, StoredResult } from './record.ts'

/** What a store can keep. The engine reads it once, at construction, and refuses what would not hold. */
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

/** What a store's connections can do with several calls at once. */
export interface StoreConcurrency {
  /** Among how many calls of one verb, under way side by side, all that is asked is shared out. */
  readonly batches: number
}

export interface ClaimRequest {
  readonly id: OperationId
  /** Left out, with `key`, under `keys: 'hashed'`. Stores keep them for reading, never look up by them. */
  readonly scope?: string
  readonly key?: string
  readonly fingerprint: string
  /** Chosen by the caller before it asks, so that a claim whose answer was lost can be asked again. */
  readonly owner: string
  readonly leaseMs: number
  readonly retentionMs: number
}

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

export interface Renewal {
  readonly lease: Lease
  readonly leaseMs: number
  readonly retentionMs: number
  /** All steps so far. A shorter list than the stored one is a late repeat and is ignored. */
  readonly steps?: Steps
}

export interface Completion {
  readonly lease: Lease
  readonly result: StoredResult
  readonly retentionMs: number
}

/** `lost`: the lease no longer holds the operation, and nothing was changed. */
export type WriteOutcome = 'ok' | 'lost'

export interface ListQuery {
  /** `abandoned` is a running record whose lease is over; `unknown` a done one that waits for a decision. */
  readonly state?: OperationState | 'abandoned' | 'unknown'
  readonly scope?: string
  readonly limit: number
  /** The `next` of the page before. */
  readonly after?: string
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly next?: string
}

/**
 * Where records live. Every verb is one atomic step judged by the store's own clock, takes a batch of distinct ids,
 * and answers in the order of the batch. `lifecycle.ts` says what each verb decides; `storeConformance` tests it.
 * A verb may be asked again with the same arguments at any time: the network may do so, and so does the engine.
 */
export interface Store extends AsyncDisposable {
  readonly name: string
  readonly traits: StoreTraits
  /** How the engine gathers calls for this store. Left out: one batch at a time, the rest gathers behind it. */
  readonly concurrency?: StoreConcurrency
  claim(requests: readonly ClaimRequest[]): Promise<readonly ClaimOutcome[]>
  renew(renewals: readonly Renewal[]): Promise<readonly WriteOutcome[]>
  complete(completions: readonly Completion[]): Promise<readonly WriteOutcome[]>
  release(leases: readonly Lease[]): Promise<readonly WriteOutcome[]>
  find(ids: readonly OperationId[]): Promise<readonly (ObservedRecord | undefined)[]>
  /** One that cannot be read should not hide the others: it may be listed as an unknown result, of which `find` says why. */
  list(query: ListQuery): Promise<Page<ObservedRecord>>
  /** Removes records whatever their state; answers how many there were. Their effects may run again. */
  forget(ids: readonly OperationId[]): Promise<number>
  /** Removes at most `limit` records (a positive integer) whose retention is over, or more where they go together; answers how many. */
  sweep(limit: number): Promise<number>
  /**
   * Calls `wake` when the operation may have been settled or released, until the returned function is called.
   * A hint: it may come late, twice, or never, so a waiter also polls. Left out where the store cannot notify.
   */
  watch?(id: OperationId, wake: () => void): () => void
}

/**
 * Claims inside one open transaction. The record is written as done without a value, because nobody else can see it
 * before the commit; `complete` is needed only when there is a value to keep.
 */
export interface AtomicClaims {
  claim(request: ClaimRequest): Promise<ClaimOutcome>
  /**
   * Claims operations with distinct ids, and answers in their order. They are written in the order of their ids, so that
   * two such batches never wait for each other. A rival's transaction that does not end in time may be answered with
   * `running` for all of them: then nothing of the batch was claimed.
   */
  claimAll(requests: readonly ClaimRequest[]): Promise<readonly ClaimOutcome[]>
  complete(completion: Completion): Promise<WriteOutcome>
  /**
   * Runs `work` between a savepoint and its release. When `work` throws, its writes are undone and the transaction
   * goes on. @throws OnlyonceError OUTCOME_UNKNOWN when `work` ended the transaction itself.
   */
  guarded<T>(work: () => Promise<T>): Promise<T>
}

export interface TransactionalStore<Tx> extends Store {
  /** Commits what `work` did when it resolves, undoes it when it throws. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** A rival for the same id waits on the row, not on a lease. */
  within(tx: Tx): AtomicClaims
  /** The outbox table beside the records. */
  readonly outbox: OutboxTable<Tx>
  /**
   * How an effect that is one statement runs beside its claim, in one round trip; `undefined` for every other effect. Left out
   * where there is no such form.
   */
  beside?(effect: unknown): EffectBesideClaim | undefined
}

/**
 * Writes a first claim as done and runs the effect with it, both or none; answers the fence. `undefined`: nothing was changed,
 * because the operation is known, or because the server refused one of the two: a transaction will tell why.
 * @throws OnlyonceError OUTCOME_UNKNOWN when the answer was lost; anything else: nothing was changed
 */
export type EffectBesideClaim = (request: ClaimRequest, maxRunMs: number) => Promise<number | undefined>

/** A message waiting to be published, exactly as it will be. */
export interface OutboxMessage {
  /** Stable across every publish attempt: what a consumer deduplicates on. */
  readonly id: string
  readonly topic: string
  readonly body: Uint8Array
  readonly headers: Readonly<Record<string, string>>
  /** Messages with the same ordering key are published one after the other. */
  readonly orderingKey?: string
}

export interface OutboxEntry extends OutboxMessage {
  /** Grows in commit order on a single-writer database. */
  readonly position: number
  /** How often publishing it failed. */
  readonly failures: number
}

/** A message that was put aside. */
export interface ParkedEntry extends OutboxEntry {
  readonly reason: string
  /** For how long it has been in the outbox, by the store's clock. */
  readonly ageMs: number
}

export interface OutboxStats {
  readonly waiting: number
  readonly parked: number
  /** How long the oldest message that waits has been waiting, by the store's clock; 0 when none does. */
  readonly oldestMs: number
}

/** Each verb is one atomic step. The lease keeps a second relay idle; a stale relay can only repeat, never reorder. */
export interface OutboxTable<Tx> {
  /** Adds messages in the caller's transaction. An id that is already there is left as it is. */
  append(tx: Tx, messages: readonly OutboxMessage[]): Promise<void>
  /**
   * Takes or renews the one relay lease for `relay`, and reads the oldest `limit` entries that wait, without those at the
   * positions that it holds already (default: none); `undefined` while another relay holds the lease.
   */
  take(
    relay: string,
    leaseMs: number,
    limit: number,
    held?: readonly number[],
  ): Promise<readonly OutboxEntry[] | undefined>
  /** Records what became of taken entries, one result for each: gone from the queue, failed, or parked. May be repeated. */
  settle(results: readonly OutboxSettlement[]): Promise<void>
  /** Gives the lease back early. */
  leave(relay: string): Promise<void>
  stats(): Promise<OutboxStats>
  /** Parked entries behind the position `after`, the oldest first. */
  parked(limit: number, after: number): Promise<readonly ParkedEntry[]>
  /** Lets parked entries wait again, in their old place, with no failures; answers how many of them were parked. */
  unpark(positions: readonly number[]): Promise<number>
  /** Removes parked entries for good; answers how many of them were parked. */
  discard(positions: readonly number[]): Promise<number>
  /**
   * Calls `wake` when messages may have been added, until the returned function is called. A hint, as `Store.watch`.
   * Left out where the store cannot notify.
   */
  watch?(wake: () => void): () => void
}

export type OutboxSettlement =
  | { readonly position: number; readonly kind: 'published' }
  | {
      readonly position: number
      readonly kind: 'failed' | 'parked'
      readonly reason: string
      /** How many there are with this one. A smaller number than is known changes nothing, so that a repeat counts once. */
      readonly failures: number
    }

export function isTransactional<Tx>(store: Store): store is TransactionalStore<Tx> {
  return store.traits.transactional
}
