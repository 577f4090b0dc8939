import { joinAtomic, leadAtomic } from './atomic.ts'
import { type BatchSettled, leadAtomicBatch } from './atomic-batch.ts'
import { leadBeside } from './atomic-beside.ts'
import type { Call, EngineContext } from './context.ts'
import type { Lead } from './joining.ts'
import type { KeyInput } from './key.ts'
import type { AtomicCall, AtomicEffect, AtomicOptions, BatchOptions, BatchOutcome, Outcome } from './once.ts'
import { invalidOption, noOptions, notAnObject, refuseUnknown } from './option-rules.ts'
import { CALL_DEFAULTS, type CallOptions } from './options.ts'
import { outcomeOf, settledValue } from './result.ts'
import type { ClaimOutcome, TransactionalStore } from './store.ts'

const OF_A_CALL: readonly string[] = ['tx', ...Object.keys(CALL_DEFAULTS)]
const OF_A_BATCH: readonly string[] = [
  'leaseMs',
  'maxRunMs',
  'retentionMs',
  'onAbandoned',
] satisfies (keyof BatchOptions)[]

/** Builds `once.atomic`. `run` joins callers of one operation in this process; `underWay` makes `close` wait. */
export function atomicCalls<Tx>(
  context: EngineContext,
  store: TransactionalStore<Tx>,
  callOf: (key: KeyInput, effect: unknown, given: CallOptions | undefined) => Call,
  run: <T>(call: Call, lead: Lead) => Promise<Outcome<T>>,
  underWay: <T>(batch: Promise<T>) => Promise<T>,
): AtomicCall<Tx> {
  async function outcome<T>(
    key: KeyInput,
    effect: AtomicEffect<Tx, T>,
    given: AtomicOptions<Tx>,
  ): Promise<[Call, Outcome<T>]> {
    refuseUnknown(given, OF_A_CALL)
    const { tx, ...rest } = given ?? {}
    if (tx !== undefined && Object(tx) !== tx) throw invalidOption('tx', 'must be an open transaction of yours', tx)
    if (rest.onStoreDown === 'run') {
      throw invalidOption('onStoreDown', 'cannot be kept by atomic: without the store there is no transaction', 'run')
    }
    const call = callOf(key, effect, rest)
    // A result inside the caller's transaction is not final, so no other caller may be answered with it.
    if (tx !== undefined) {
      const joined = await underWay(joinAtomic(context, store, call, effect, tx))
      return [call, outcomeOf<T>(call.named.key, joined)]
    }
    const beside = store.beside?.(effect)
    const lead: Lead = (flight) => {
      const transaction = () =>
        leadAtomic(context, store, call, effect, (claim) =>
          flight.claimed(claim, context.runtime.elapsed(), isTentative(claim)),
        )
      return beside === undefined ? transaction() : leadBeside(context, call, beside, transaction)
    }
    return [call, await run<T>(call, lead)]
  }
  const atomic = async <T>(key: KeyInput, effect: AtomicEffect<Tx, T>, given: AtomicOptions<Tx> = {}): Promise<T> => {
    const [call, reached] = await outcome(key, effect, given)
    return settledValue(call.named.key, reached, call.options.onDuplicate)
  }
  const attempt = async <T>(key: KeyInput, effect: AtomicEffect<Tx, T>, given: AtomicOptions<Tx> = {}) =>
    (await outcome(key, effect, given))[1]
  const batch: AtomicCall<Tx>['batch'] = async (keys, effect, given = {}) => {
    if (!Array.isArray(keys)) throw invalidOption('keys', 'must be a list of keys', keys)
    if (notAnObject(given)) throw noOptions(given, OF_A_BATCH)
    for (const [name, value] of Object.entries(Object(given))) {
      if (!OF_A_BATCH.includes(name))
        throw invalidOption(name, `cannot be kept for a batch; there are ${OF_A_BATCH.join(', ')}`, value)
    }
    // Frozen, so that `resolveCallOptions` checks it once for all keys.
    const shared = Object.freeze({ ...given })
    const calls = Array.from(keys, (key) => callOf(key, effect, shared))
    if (calls.length === 0) return []
    const settled = await underWay(leadAtomicBatch(context, store, calls, effect))
    return calls.map(({ named }, at) => batchOutcome(named.key, settled[at] as BatchSettled))
  }
  return Object.assign(atomic, { attempt, batch })
}

/** Our claim, which binds nothing before its commit, or a rival's, whose payload is unknown. */
function isTentative({ kind }: ClaimOutcome): boolean {
  return kind === 'granted' || kind === 'running'
}

function batchOutcome(key: string, settled: BatchSettled): BatchOutcome {
  // Operations in a batch have no value, so none is decoded.
  return settled.kind === 'undone' ? settled : outcomeOf(key, settled, true)
}
