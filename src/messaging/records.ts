import { OnlyonceError } from '../core/errors.ts'
import type { ObservedRecord, OperationId } from '../core/record.ts'
import { timeLimit } from '../core/time-limit.ts'
import type { InboxEngine } from './inbox-options.ts'

/** What the store knows, asked with a time limit. */
export interface Records {
  /** @throws OnlyonceError STORE_UNAVAILABLE */
  find(ids: readonly OperationId[]): Promise<readonly (ObservedRecord | undefined)[]>
  /** @throws OnlyonceError STORE_UNAVAILABLE */
  forget(ids: readonly OperationId[]): Promise<number>
}

export function recordsOf({ store, options }: InboxEngine): Records {
  const { runtime, storeTimeoutMs } = options

  async function ask<T>(verb: string, asked: () => Promise<T>): Promise<T> {
    const late = () => new Error(`no answer within ${storeTimeoutMs} ms`)
    try {
      return await timeLimit(runtime, asked(), storeTimeoutMs, late)
    } catch (error) {
      throw OnlyonceError.from(error, 'STORE_UNAVAILABLE', `the ${store.name} store did not ${verb}: ask again later`)
    }
  }

  return {
    find: (ids) => ask('find', () => store.find(ids)),
    forget: (ids) => ask('forget', () => store.forget(ids)),
  }
}
