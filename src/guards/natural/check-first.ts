import { judged } from '../../core/abandoned.ts'
import type { KeyInput } from '../../core/key.ts'
import { resolveKey } from '../../core/key.ts'
import type { Effect } from '../../core/once.ts'
import type { CallOptions } from '../../core/options.ts'
import type { Judgement } from './reconcile.ts'

/** The part of an engine that is used: what `onlyonce(…)` answers, whatever its store. */
export interface OnceCall extends CheckedCall {
  readonly options: { readonly scope: string; readonly maxKeyLength: number }
}

/** As the call of an engine. */
export type CheckedCall = <T>(key: KeyInput, effect: Effect<T>, options?: CallOptions) => Promise<T>

/**
 * Asks the business data before there is a claim: an operation that happened long ago is known there, when its record is
 * past its retention and gone. What `check` answers as `value` is the answer of the call. It comes in addition to the claim,
 * which keeps two callers apart that both found nothing.
 * @throws OnlyonceError as the engine's call; OUTCOME_UNKNOWN when `check` answers neither yes nor no; what `check` throws
 */
export function checkFirst(once: OnceCall, check: Judgement): CheckedCall {
  return async <T>(key: KeyInput, effect: Effect<T>, options?: CallOptions): Promise<T> => {
    const { scope: ownScope, maxKeyLength } = once.options
    const named = resolveKey(key, ownScope, maxKeyLength)
    const answer = judged(await check({ scope: named.scope, key: named.key }))
    return answer.happened ? (answer.value as T) : once(key, effect, options)
  }
}
