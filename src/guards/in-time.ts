import { OnlyonceError, reasonOf } from '../core/errors.ts'
import type { ResolvedOptions } from '../core/options.ts'
import type { Store } from '../core/store.ts'
import { timeLimit } from '../core/time-limit.ts'

/**
 * Limits a store call made without the engine to `storeTimeoutMs`.
 * @throws OnlyonceError STORE_UNAVAILABLE, also for what its client throws
 */
export async function inTime<T>(
  { name }: Pick<Store, 'name'>,
  { runtime, storeTimeoutMs }: Pick<ResolvedOptions, 'runtime' | 'storeTimeoutMs'>,
  verb: string,
  answer: Promise<T>,
): Promise<T> {
  try {
    return await timeLimit(runtime, answer, storeTimeoutMs, () => new Error(`no answer within ${storeTimeoutMs} ms`))
  } catch (error) {
    const message = `the ${name} store did not ${verb} (${reasonOf(error)}): ask again later`
    throw OnlyonceError.from(error, 'STORE_UNAVAILABLE', message)
  }
}
