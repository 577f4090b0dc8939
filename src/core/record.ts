/** The first 128 bits of SHA-256 over scope and key, as 32 hex digits (see `operationId`). */
export type OperationId = string

/** The right to run the effect. `owner` and `fence` together name one claim; every later write carries them. */
export interface Lease {
  readonly id: OperationId
  readonly owner: string
  /** Grows with every claim of the operation and never repeats. At most 2^53 - 1. */
  readonly fence: number
}

/**
 * How an operation ended, as bytes of the codec.
 * - `value`: the effect returned it
 * - `error`: the effect threw it, and `onThrow` remembers
 * - `unstorable`: the effect returned, but its value has no stored form; the body says why
 * - `unknown`: abandoned under the policy `hold`; only a definite result of the same lease replaces it
 */
export interface StoredResult {
  readonly kind: 'value' | 'error' | 'unstorable' | 'unknown'
  readonly body: Uint8Array
}

/** A finished part of an effect, not run again by a later attempt. */
export interface Step {
  readonly name: string
  readonly result: Uint8Array
}

/** Steps in the order in which they finished. An owner only appends. */
export type Steps = readonly Step[]

/**
 * `running`: claimed, whether its lease is over or not. `idle`: given back, for the same payload only. `done`: has a
 * result, which is `unknown` for an operation that waits for a decision.
 */
export type OperationState = 'idle' | 'running' | 'done'

/** The stored fact of an operation. All times are milliseconds of the store's clock. */
export interface OperationRecord {
  readonly id: OperationId
  /** Left out, with `key`, under `keys: 'hashed'`. */
  readonly scope?: string
  readonly key?: string
  readonly fingerprint: string
  readonly state: OperationState
  /** The owner of the current or last claim: kept after a release so that a repeated release is recognised. */
  readonly owner: string
  readonly fence: number
  /** A claim adds one, a release subtracts one: while claimed, 1 more than the number of owners that abandoned it. */
  readonly attempt: number
  /** How often the effect was allowed to start, released attempts included. */
  readonly starts: number
  readonly leaseUntil: number
  readonly retainUntil: number
  readonly createdAt: number
  readonly steps: Steps
  /** Present exactly when `state` is `done`. */
  readonly result?: StoredResult
}

/** A record with the time by the store's clock when it was read, so that its age can be judged. */
export interface ObservedRecord extends OperationRecord {
  readonly readAt: number
}
