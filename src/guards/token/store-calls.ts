import { OnlyonceError } from '../../core/errors.ts'
import { operationId } from '../../core/key.ts'
import type { ResolvedOptions } from '../../core/options.ts'
import type { Lease, ObservedRecord, OperationId, Steps } from '../../core/record.ts'
import type { ClaimOutcome, Completion, Store, WriteOutcome } from '../../core/store.ts'
import { inTime } from '../in-time.ts'

/** The names of a token's record, as a store keeps them. */
export interface TokenRecordName {
  readonly id: OperationId
  readonly scope?: string
  readonly key?: string
}

/** A record that is never settled is kept for the sum of both. */
export interface TokenTimes {
  readonly leaseMs: number
  readonly retentionMs: number
}

export interface TokenClaim extends TokenTimes {
  readonly fingerprint: string
  readonly owner: string
}

export type TokenStore = ReturnType<typeof createTokenStore>

/** The store's verbs for one operation at a time, each limited to `storeTimeoutMs`. */
export function createTokenStore(store: Store, options: ResolvedOptions) {
  const ask = <T>(verb: string, answer: Promise<T>): Promise<T> => inTime(store, options, verb, answer)
  const half = { ...options, storeTimeoutMs: options.storeTimeoutMs / 2 }

  return {
    name: (scope: string, key: string): TokenRecordName =>
      options.keys === 'hashed' ? { id: operationId(scope, key) } : { id: operationId(scope, key), scope, key },
    /** Retried once after a lost answer: the same owner gets the same claim, which nobody else could release. */
    async claim(name: TokenRecordName, request: TokenClaim): Promise<ClaimOutcome | undefined> {
      const claim = () => inTime(store, half, 'claim', store.claim([{ ...name, ...request }]))
      const [outcome] = await claim().catch((error) => {
        if (OnlyonceError.is(error) && error.code !== 'STORE_UNAVAILABLE') throw error
        return claim()
      })
      return outcome
    },
    /** Saves the steps and releases the lease. `lost`: another owner took it over, so the steps are not these. */
    async leave(lease: Lease, steps: Steps, times: TokenTimes): Promise<WriteOutcome | undefined> {
      await ask('renew', store.renew([{ lease, ...times, steps }]))
      const [outcome] = await ask('release', store.release([lease]))
      return outcome
    },
    async complete(completion: Completion): Promise<WriteOutcome | undefined> {
      const [outcome] = await ask('complete', store.complete([completion]))
      return outcome
    },
    async release(lease: Lease): Promise<void> {
      await ask('release', store.release([lease]))
    },
    async find({ id }: TokenRecordName): Promise<ObservedRecord | undefined> {
      const [record] = await ask('find', store.find([id]))
      return record
    },
    async findBoth(...names: readonly [TokenRecordName, TokenRecordName]) {
      const [one, other] = await ask('find', store.find(names.map(({ id }) => id)))
      return [one, other] as const
    },
  }
}
