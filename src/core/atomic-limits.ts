import { decideAbandoned } from './abandoned.ts'
import type { Call, EngineContext } from './context.ts'
import { reasonOf } from './errors.ts'
import { leaseLost } from './holding.ts'
import { RunningOperation } from './operation.ts'
import type { OperationId, StoredResult } from './record.ts'
import type { ClaimOutcome, Store } from './store.ts'
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

/** Operations whose effects are running, with their fences: in their transactions they are done already, without a value. */
const running = new WeakMap<Store, Map<OperationId, number>>()

/** Whether a record that is done is that of an effect that has not ended: one that asks for itself, in its transaction. */
export function isUnderWay(
  { store }: EngineContext,
  { id, fence }: { readonly id: OperationId; readonly fence: number },
): boolean {
  return running.get(store)?.get(id) === fence
}

function nowRunning({ store }: EngineContext, ops: readonly RunningOperation[]): void {
  const fences = running.get(store) ?? new Map<OperationId, number>()
  running.set(store, fences)
  for (const op of ops) fences.set(RunningOperation.id(op), op.fence)
}

/** Called again for an effect that outlived its time limit: the operation may run anew by then. */
function noLongerRunning({ store }: EngineContext, ops: readonly RunningOperation[]): void {
  const fences = running.get(store)
  for (const op of ops) {
    const id = RunningOperation.id(op)
    if (fences?.get(id) === op.fence) fences.delete(id)
  }
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
  nowRunning(context, ops)
  return limited(context, call, ops, async () => {
    let threw = false
    try {
      const value = await effect()
      for (const op of ops) await RunningOperation.rest(op)
      return value
    } catch (thrown) {
      threw = true
      // What a step writes after the undoing would stay, and its own error would reach nobody, which ends the process.
      for (const op of ops) await RunningOperation.settled(op)
      throw new EffectThrew(thrown)
    } finally {
      for (const op of ops) RunningOperation.end(op)
      const inner = innerCallsOver(Object(tx), threw)
      if (inner !== undefined) await inner
      noLongerRunning(context, ops)
    }
  })
}

/** In the caller's transaction we can undo only to our savepoint; an effect that goes on can still use the handle. */
const OUTLIVED =
  'it ran longer than maxRunMs, and what it had written was undone; what it still writes into a transaction of yours is not: roll that back'

/** Gives up work after `maxRunMs`, so that its transaction is undone: it could hold its row locks for ever. */
function limited<T>(
  context: EngineContext,
  { named, options }: Call,
  ops: readonly RunningOperation[],
  work: () => Promise<T>,
): Promise<T> {
  return timeLimit(context.runtime, work(), options.maxRunMs, () => {
    const loss = leaseLost(named.key, OUTLIVED)
    for (const op of ops) RunningOperation.abort(op, loss)
    noLongerRunning(context, ops)
    return loss
  })
}
