import { judged } from '../../core/abandoned.ts'
import { OnlyonceError } from '../../core/errors.ts'
import type { KeyInput, OperationKey } from '../../core/key.ts'
import { resolveKey } from '../../core/key.ts'
import { isAbandoned } from '../../core/lifecycle.ts'
import type { Effect, Once } from '../../core/once.ts'
import { invalidKind, invalidOption } from '../../core/option-rules.ts'
import type { CallOptions } from '../../core/options.ts'
import { settledValue } from '../../core/result.ts'
import { inTime } from '../in-time.ts'
import type { Judgement } from './reconcile.ts'

/** The part of an engine that is used, whatever its store. */
export interface OnceCall extends CheckedCall, Pick<Once, 'store' | 'options'> {}

/** The call signature of an engine. */
export type CheckedCall = <T>(key: KeyInput, effect: Effect<T>, options?: CallOptions) => Promise<T>

/**
 * Checks the business data before the engine would run the effect: an operation whose record is past its retention is
 * still known there. The `value` that `check` returns is the result of the call, as for any duplicate. The claim is
 * still needed, to keep apart two callers that both found nothing.
 * @throws OnlyonceError as the engine's call; OUTCOME_UNKNOWN when `check` returns no valid answer; errors of `check`
 */
export function checkFirst(once: OnceCall, check: Judgement): CheckedCall {
  if (typeof once !== 'function' || Object(once).options === undefined)
    throw invalidKind('once', 'must be an engine, as `onlyonce({ store, scope })` answers', once)
  if (typeof check !== 'function')
    throw invalidOption('check', 'is required: a function such as `reconcile(…)` answers', check)
  const { scope: ownScope, maxKeyLength } = once.options
  return async <T>(key: KeyInput, effect: Effect<T>, options?: CallOptions): Promise<T> => {
    const named = resolveKey(key, ownScope, maxKeyLength)
    const { onDuplicate = once.options.onDuplicate, onStoreDown = once.options.onStoreDown } = options ?? {}
    if (await hasAnswer(once, named, onStoreDown === 'run')) return once(key, effect, options)
    const answer = judged(await check({ scope: named.scope, key: named.key }))
    if (!answer.happened) return once(key, effect, options)
    return settledValue(named.key, { kind: 'replayed', value: answer.value as T }, onDuplicate)
  }
}

/** Whether the engine answers without running the effect. Asked first, because business data knows no fingerprints. */
async function hasAnswer({ store, options }: OnceCall, named: OperationKey, isOptional: boolean): Promise<boolean> {
  const looked = inTime(store, options, 'find', store.find([named.id]))
  const [record] = await looked.catch((error) => {
    if (isOptional && OnlyonceError.is(error) && error.code === 'STORE_UNAVAILABLE') return []
    throw error
  })
  if (record === undefined) return false
  const wouldRun = record.state === 'idle' || isAbandoned(record, record.readAt)
  return record.fingerprint !== named.fingerprint || !wouldRun
}
