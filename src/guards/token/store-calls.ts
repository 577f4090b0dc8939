import { OnlyonceError } from '../../core/errors.ts'
import { operationId } from '../../core/key.ts'
import type { ResolvedOptions } from '../../core/options.ts'
import type { Lease, ObservedRecord, OperationId, Steps } from '../../core/record.ts'
import type { Store } from '../../core/store.ts'
import { timeLimit } from '../../core/time-limit.ts'

/** An operation by its name, as a store keeps it. */
export interface TokenRecordName {
  readonly id: OperationId
  readonly scope?: string
  readonly key?: string
}

/** A record that nobody settles is kept for both of them. */
export interface TokenTimes {
  readonly leaseMs: number
  readonly retentionMs: number
}

export interface TokenClaim extends TokenTimes {
  readonly fingerprint: string
  readonly owner: string
}

/** The store's verbs, one operation at a time and never longer than `storeTimeoutMs`. */
export function createTokenStore(store: Store, options: ResolvedOptions) {
  const { runtime, storeTimeoutMs, keys } = options
  const tooLate = () =>
    new OnlyonceError('STORE_UNAVAILABLE', `the ${store.name} store did not answer within ${storeTimeoutMs} ms`)
  const inTime = <T>(asked: Promise<T>): Promise<T> => timeLimit(runtime, asked, storeTimeoutMs, tooLate)

  return {
    name: (scope: string, key: string): TokenRecordName =>
      keys === 'hashed' ? { id: operationId(scope, key) } : { id: operationId(scope, key), scope, key },
    /** `undefined`: somebody holds it. */
    async claim(name: TokenRecordName, request: TokenClaim): Promise<Lease | undefined> {
      const [claim] = await inTime(store.claim([{ ...name, ...request }]))
      return claim?.kind === 'granted' ? claim.lease : undefined
    },
    /** Gives the lease back and leaves the steps. */
    async leave(lease: Lease, steps: Steps, times: TokenTimes): Promise<void> {
      await inTime(store.renew([{ lease, ...times, steps }]))
      await inTime(store.release([lease]))
    },
    async release(lease: Lease): Promise<void> {
      await inTime(store.release([lease]))
    },
    async find({ id }: TokenRecordName): Promise<ObservedRecord | undefined> {
      const [record] = await inTime(store.find([id]))
      return record
    },
  }
}
