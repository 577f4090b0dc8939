import { decideAbandoned } from './abandoned.ts'
import type { Call, EngineContext } from './context.ts'
import { reasonOf } from './errors.ts'
import { leaseLost } from './holding.ts'
import { RunningOperation } from './operation.ts'
import type { StoredResult } from './record.ts'
import type { ClaimOutcome } from './store.ts'
import { timeLimit } from './time-limit.ts'
import { innerCallsOver } from './turns.ts'

/** Wraps an error of the effect, to tell it from the store's own errors while both pass through the transaction. */
export class EffectThrew extends Error {
  readonly thrown: unknown
  constructor(thrown: unknown) {
    super(reasonOf(thrown))
    this.thrown = thrown
  }
}

/** Applies `onAbandoned` inside the open transaction, for at most `maxRunMs`. Returns `undefined` to run the effect. */
export async function decideWithin(
  context: EngineContext,
  call: Call,
  { attempt, lease: { fence } }: ClaimOutcome & { readonly kind: 'granted' },
): Promise<StoredResult | undefined> {
  if (attempt === 1) return undefined
  return limited(context, call, [], () => decideAbandoned(context, call, { attempt, fence }))
}

/**
 * Runs an effect in `tx`, up to the end of the steps and of the calls that it began there.
 * @throws EffectThrew for what the effect throws; OnlyonceError LEASE_LOST
 */
export function runWithin(
  context: EngineContext,
  call: Call,
  tx: unknown,
  ops: readonly RunningOperation[],
  effect: () => unknown,
): Promise<unknown> {
  return limited(context, call, ops, async () => {
    let threw = false
    try {
      const value = await effect()
      for (const op of ops) await RunningOperation.rest(op)
      return value
    } catch (thrown) {
      threw = true
      throw new EffectThrew(thrown)
    } finally {
      for (const op of ops) RunningOperation.end(op)
      const inner = innerCallsOver(Object(tx), threw)
      if (inner !== undefined) await inner
    }
  })
}

/** In the caller's transaction we can undo only to our savepoint; an effect that goes on can still use the handle. */
const OUTLIVED =
  'it ran longer than maxRunMs, and what it had written was undone; what it still writes into a transaction of yours is not: roll that back'

/** Gives up work after `maxRunMs`, so that its transaction is undone: it could hold its row locks for ever. */
function limited<T>(
  { runtime }: EngineContext,
  { named, options }: Call,
  ops: readonly RunningOperation[],
  work: () => Promise<T>,
): Promise<T> {
  return timeLimit(runtime, work(), options.maxRunMs, () => {
    const loss = leaseLost(named.key, OUTLIVED)
    for (const op of ops) RunningOperation.abort(op, loss)
    return loss
  })
}
