import { OnlyonceError } from '../core/errors.ts'
import { lockScope, operationId } from '../core/key.ts'
import type { ObservedRecord, OperationId } from '../core/record.ts'
import { timeLimit } from '../core/time-limit.ts'
import type { InboxEngine } from './inbox-options.ts'

/** Reads and deletes records, with the engine's time limit `storeTimeoutMs`. */
export interface Records {
  /** @throws OnlyonceError STORE_UNAVAILABLE */
  find(ids: readonly OperationId[]): Promise<readonly (ObservedRecord | undefined)[]>
  /** @throws OnlyonceError STORE_UNAVAILABLE */
  forget(ids: readonly OperationId[]): Promise<number>
}

/** Returns the id of the record that counts the starts of an atomic handler: the lock of the same key. */
export function counterId({ scope, key }: { readonly scope: string; readonly key: string }): OperationId {
  return operationId(lockScope(scope), key)
}

export function recordsOf({ store, options }: Pick<InboxEngine, 'store' | 'options'>): Records {
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
