import { decideAbandoned } from './abandoned.ts'
import type { Call, EngineContext } from './context.ts'
import { reasonOf } from './errors.ts'
import { leaseLost } from './holding.ts'
import { RunningOperation } from './operation.ts'
import type { StoredResult } from './record.ts'
import type { ClaimOutcome } from './store.ts'

/** The effect's own error, told apart from the store's while both pass through the transaction. */
export class EffectThrew extends Error {
  readonly thrown: unknown
  constructor(thrown: unknown) {
    super(reasonOf(thrown))
    this.thrown = thrown
  }
}

/** The policy for what was abandoned, which is asked while the transaction is open. */
export async function decideWithin(
  context: EngineContext,
  call: Call,
  { attempt, lease: { fence } }: ClaimOutcome & { readonly kind: 'granted' },
): Promise<StoredResult | undefined> {
  if (attempt === 1) return undefined
  return limited(context, call, [], () => decideAbandoned(context, call, { attempt, fence }))
}

/** @throws EffectThrew for what the effect throws; OnlyonceError LEASE_LOST */
export function runWithin(
  context: EngineContext,
  call: Call,
  ops: readonly RunningOperation[],
  effect: () => unknown,
): Promise<unknown> {
  return limited(context, call, ops, async () => {
    try {
      return await effect()
    } catch (thrown) {
      throw new EffectThrew(thrown)
    }
  })
}

/** Of a transaction of the caller's only a savepoint can be undone, and its handle goes on working. */
const OUTLIVED =
  'it ran longer than maxRunMs, and what it had written was undone; what it still writes into a transaction of yours is not: roll that back'

/** What outlives `maxRunMs` is left behind and its transaction undone: it would hold the rows for ever. */
function limited<T>(
  { runtime }: EngineContext,
  { named, options }: Call,
  ops: readonly RunningOperation[],
  work: () => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = runtime.after(options.maxRunMs, () => {
      const loss = leaseLost(named.key, OUTLIVED)
      for (const op of ops) RunningOperation.abort(op, loss)
      reject(loss)
    })
    work().then(
      (value) => {
        cancel()
        resolve(value)
      },
      (thrown) => {
        cancel()
        reject(thrown)
      },
    )
  })
}
