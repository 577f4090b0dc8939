import { backoff } from './backoff.ts'
import { type Call, type EngineContext, tell } from './context.ts'
import { isClosed, OnlyonceError, reasonOf } from './errors.ts'
import type { Settled } from './flights.ts'
import { type Grant, leaseLost } from './holding.ts'
import { quote } from './key.ts'
import type { StoredResult } from './record.ts'
import { sleep } from './runtime.ts'
import type { Completion, WriteOutcome } from './store.ts'

/** The result that the store finally holds. */
type Kept = Settled & { readonly kind: 'result' }

/**
 * Stores the result and returns it, or the result stored by the owner that took the operation over. `heldUntil`: until
 * when the lease is known to have held.
 * @throws OnlyonceError OUTCOME_UNKNOWN, LEASE_LOST
 */
export async function settle(
  context: EngineContext,
  call: Call,
  grant: Grant,
  result: StoredResult,
  ran: boolean,
  heldUntil: number,
): Promise<Kept> {
  const { calls, runtime } = context
  const { lease, attempt } = grant
  const completion = { lease, result, retentionMs: call.options.retentionMs }
  let outcome: WriteOutcome
  try {
    outcome = await calls.complete(completion)
  } catch (error) {
    outcome = await completeUntilDefinite(context, call, completion, error)
  }
  if (outcome === 'lost') return afterLoss(context, call, grant)
  const mine: Kept = { kind: 'result', result, ran, attempt, fence: lease.fence }
  if (runtime.elapsed() < heldUntil) return mine
  // After the lease ran out, an operator may have resolved the operation before us; that result stays.
  const kept = await calls.find(call.named.id).catch(() => undefined)
  if (kept?.result === undefined || kept.fence !== lease.fence || sameResult(kept.result, result)) return mine
  return { ...mine, result: kept.result, ran: false }
}

function sameResult(a: StoredResult, b: StoredResult): boolean {
  return a.kind === b.kind && Buffer.compare(a.body, b.body) === 0
}

/**
 * Retries the completion for a whole lease: the effect has happened, so giving up is the last resort. A store that was
 * closed stays closed.
 */
async function completeUntilDefinite(
  context: EngineContext,
  call: Call,
  completion: Completion,
  failed: unknown,
): Promise<WriteOutcome> {
  const { calls, runtime } = context
  const deadline = runtime.elapsed() + call.options.leaseMs
  const pauseMs = backoff(runtime, 50, 1_000)
  let error = failed
  while (!isClosed(error) && runtime.elapsed() < deadline) {
    await sleep(runtime, pauseMs())
    try {
      return await calls.complete(completion)
    } catch (again) {
      error = again
    }
  }
  throw new OnlyonceError(
    'OUTCOME_UNKNOWN',
    `the effect of ${quote(call.named.key)} ran, but the store did not confirm its result (${reasonOf(error)}); ` +
      'after the lease it counts as abandoned, and onAbandoned decides',
    { cause: error },
  )
}

/**
 * Returns the result of the owner that took the operation over, which counts for every caller.
 * @throws OnlyonceError LEASE_LOST with `thrown` as its cause, when that result is missing or cannot be read
 */
export async function afterLoss(context: EngineContext, call: Call, grant: Grant, thrown?: unknown): Promise<Kept> {
  const { calls, runtime } = context
  tell(context, call, { type: 'lease-lost', fence: grant.lease.fence, heldMs: runtime.elapsed() - grant.askedAt })
  // If the new owner's result cannot be read, ours still does not count.
  const record = await calls.find(call.named.id).catch((error) => {
    throw leaseLost(call.named.key, 'another owner took it over', thrown ?? error)
  })
  if (record === undefined) throw recordGone(call.named.key, thrown)
  if (record.result === undefined || record.fingerprint !== call.named.fingerprint) {
    throw leaseLost(call.named.key, 'another owner took it over', thrown)
  }
  return { kind: 'result', result: record.result, ran: false, attempt: record.attempt, fence: record.fence }
}

/** Not what `leaseLost` says: asking again tells nothing of this run, and begins another one. */
function recordGone(key: string, cause: unknown): OnlyonceError {
  return new OnlyonceError(
    'LEASE_LOST',
    `the lease of ${quote(key)} was lost: its record is gone, forgotten or expired; look whether its effect happened before you ask ` +
      'again, because a call with the same key runs it again',
    cause === undefined ? {} : { cause },
  )
}
