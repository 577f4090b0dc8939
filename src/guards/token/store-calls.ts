import { operationId } from '../../core/key.ts'
import type { ResolvedOptions } from '../../core/options.ts'
import type { Lease, ObservedRecord, OperationId, Steps } from '../../core/record.ts'
import type { Store } from '../../core/store.ts'
import { inTime } from '../in-time.ts'

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
  const ask = <T>(verb: string, answer: Promise<T>): Promise<T> => inTime(store, options, verb, answer)

  return {
    name: (scope: string, key: string): TokenRecordName =>
      options.keys === 'hashed' ? { id: operationId(scope, key) } : { id: operationId(scope, key), scope, key },
    /** `undefined`: somebody holds it. */
    async claim(name: TokenRecordName, request: TokenClaim): Promise<Lease | undefined> {
      const [claim] = await ask('claim', store.claim([{ ...name, ...request }]))
      return claim?.kind === 'granted' ? claim.lease : undefined
    },
    /** Gives the lease back and leaves the steps. */
    async leave(lease: Lease, steps: Steps, times: TokenTimes): Promise<void> {
      await ask('renew', store.renew([{ lease, ...times, steps }]))
      await ask('release', store.release([lease]))
    },
    async release(lease: Lease): Promise<void> {
      await ask('release', store.release([lease]))
    },
    async find({ id }: TokenRecordName): Promise<ObservedRecord | undefined> {
      const [record] = await ask('find', store.find([id]))
      return record
    },
  }
}
