import { decideAbandoned } from './abandoned.ts'
import { type Call, claimRequest, type EngineContext, tell } from './context.ts'
import { OnlyonceError, reasonOf } from './errors.ts'
import { answered, type LeadingFlight, type Settled } from './flights.ts'
import { type Grant, type Held, LeftBehind, leaseLost, whileHolding } from './holding.ts'
import { quote } from './key.ts'
import type { Effect } from './once.ts'
import { RunningOperation } from './operation.ts'
import type { StoredResult } from './record.ts'
import { storedError, storedValue } from './result.ts'
import { afterLoss, settle } from './settling.ts'
import type { ClaimOutcome } from './store.ts'
import type { ReleaseOutcome } from './store-calls.ts'
import { verdictOn } from './throw-policy.ts'
import { timeLimit } from './time-limit.ts'

/** `result` stores what the effect returned; `lock` stores nothing and releases the operation. */
export type Keeping = 'result' | 'lock'

type Ended =
  | { readonly decided: StoredResult }
  | { readonly value: unknown }
  /** `doubtful`: see `RunningOperation.isDoubtful`. */
  | { readonly thrown: unknown; readonly doubtful: boolean }

/**
 * One claim and, when granted, one run of the effect under a lease.
 * @throws OnlyonceError STORE_UNAVAILABLE, LEASE_LOST, OUTCOME_UNKNOWN
 */
export async function leadLeased(
  context: EngineContext,
  call: Call,
  effect: Effect<unknown>,
  keeping: Keeping,
  leading: LeadingFlight,
): Promise<Settled> {
  const { calls, runtime } = context
  const { leaseMs } = call.options
  const askedAt = runtime.elapsed()
  let claim: ClaimOutcome
  try {
    claim = await calls.claim(claimRequest(context, call, runtime.token()))
  } catch (error) {
    tellStoreDown(context, call, error)
    return await runUnprotected(context, call, effect, leading)
  }
  const answeredAt = runtime.elapsed()
  leading.claimed(claim, answeredAt + (claim.kind === 'running' ? claim.retryAfterMs : leaseMs))
  if (claim.kind !== 'granted') return answered(claim)
  const { lease, attempt, starts } = claim
  const steps = keeping === 'result' ? claim.steps : undefined
  let grant: Grant = { lease, attempt, starts, steps, askedAt, heldUntil: askedAt + leaseMs }
  const tookMs = answeredAt - askedAt
  tell(context, call, { type: 'claimed', attempt, fence: lease.fence, tookMs })
  // The answer took a whole lease: another owner may have taken the operation over meanwhile.
  if (tookMs >= leaseMs) {
    if (!(await isStillOurs(context, call, grant))) return await afterLoss(context, call, grant)
    grant = { ...grant, heldUntil: answeredAt + leaseMs }
  }
  // Not from the question on: a slow store would pass for a slow effect.
  const begunAt = runtime.elapsed()
  let held: Held<Ended>
  try {
    held = await whileHolding(context, call, grant, leading, async (op): Promise<Ended> => {
      const abandoned = attempt > 1 && keeping === 'result'
      const decided = abandoned ? await decideAbandoned(context, call, { attempt, fence: lease.fence }) : undefined
      if (decided !== undefined) return { decided }
      // The lease may have been lost while the policy ran; then the effect must not start.
      if (attempt > 1) op.signal.throwIfAborted()
      try {
        const value = await effect(op)
        const rest = RunningOperation.rest(op)
        if (rest !== undefined) await rest
        return { value }
      } catch (thrown) {
        await RunningOperation.settled(op)
        return { thrown, doubtful: RunningOperation.isDoubtful(op) }
      }
    })
  } catch (error) {
    return await leftBehind(context, call, grant, error)
  }
  const { ended, heldUntil } = held
  if (!('value' in ended) || keeping === 'lock') return await endOtherwise(context, call, keeping, grant, held, begunAt)
  const ranMs = runtime.elapsed() - begunAt
  const settled = await settle(context, call, grant, storedValue(ended.value), true, heldUntil)
  if (settled.ran) tell(context, call, { type: 'executed', attempt, fence: lease.fence, tookMs: ranMs })
  return settled
}

async function isStillOurs({ calls }: EngineContext, { options }: Call, { lease }: Grant): Promise<boolean> {
  const { leaseMs, retentionMs } = options
  try {
    return (await calls.renew({ lease, leaseMs, retentionMs })) === 'ok'
  } catch (error) {
    // The effect has not started. Without a release the claim would count as abandoned.
    await calls.release(lease).catch(() => {})
    throw error
  }
}

/** The effect did not end: it was left running without a lease, or it was not allowed to start. */
async function leftBehind(context: EngineContext, call: Call, grant: Grant, error: unknown): Promise<never> {
  const { calls, runtime } = context
  if (error instanceof LeftBehind) {
    tell(context, call, { type: 'lease-lost', fence: grant.lease.fence, heldMs: runtime.elapsed() - grant.askedAt })
    throw error.loss
  }
  await calls.release(grant.lease).catch(() => {})
  throw error
}

/** Handles every end except a value to be stored: an error, a decision of `onAbandoned`, and the release of a lock. */
async function endOtherwise(
  context: EngineContext,
  call: Call,
  keeping: Keeping,
  grant: Grant,
  { ended, heldUntil }: Held<Ended>,
  begunAt: number,
): Promise<Settled> {
  const { calls, runtime } = context
  const { lease, attempt } = grant
  const tookMs = runtime.elapsed() - begunAt
  if ('thrown' in ended) {
    const { thrown } = ended
    const doubtful = ended.doubtful && keeping === 'result'
    const verdict = keeping === 'result' ? verdictOn(context, call, thrown) : 'release'
    // Our own error on a doubtful run means that its outcome is unknown: no result, unless `onThrow` is a function.
    const isResult = !doubtful || !OnlyonceError.is(thrown) || typeof call.options.onThrow === 'function'
    const remembered = verdict === 'remember' && isResult
    tell(context, call, { type: 'failed', error: thrown, remembered, tookMs })
    if (remembered) return settle(context, call, grant, storedError(thrown), true, heldUntil)
    if (doubtful) return leftInDoubt(context, call, grant, thrown)
    if (verdict === 'abandon') return { kind: 'failed', error: thrown }
    // If the release fails too, the lease runs out by itself; the caller must see the effect's error.
    const given = await calls.release(lease).catch(() => 'ok' as const)
    const wasLost = given !== 'ok' && !(await wasGivenBack(context, call, grant, given))
    return wasLost ? afterLoss(context, call, grant, thrown) : { kind: 'failed', error: thrown }
  }
  if ('decided' in ended) {
    const settled = await settle(context, call, grant, ended.decided, false, heldUntil)
    if (ended.decided.kind === 'unknown') tell(context, call, { type: 'unknown' })
    return settled
  }
  const given = await calls.release(lease).catch((error: unknown) => {
    // Not the store's error: that says that nothing has changed, so the caller would retry and run the effect twice.
    throw new OnlyonceError(
      'OUTCOME_UNKNOWN',
      `the effect of ${quote(call.named.key)} ran, but its lock could not be given back (${reasonOf(error)}); it runs out by itself`,
      { cause: error },
    )
  })
  if (given !== 'ok' && !(await wasGivenBack(context, call, grant, given))) throw lockLost(context, call, grant)
  tell(context, call, { type: 'executed', attempt, fence: lease.fence, tookMs })
  return { kind: 'local', value: ended.value, fence: lease.fence }
}

/**
 * Whether it was an earlier try, whose answer was lost, that has let the present owner in. A takeover leaves the attempt
 * of its predecessor counted, a release does not; a record of later is a new one, after ours was gone.
 */
async function wasGivenBack(
  { calls }: EngineContext,
  { named }: Call,
  { lease, attempt, starts }: Grant,
  given: ReleaseOutcome,
): Promise<boolean> {
  if (given !== 'in-doubt') return false
  const record = await calls.find(named.id).catch(() => undefined)
  if (record === undefined || record.createdAt > lease.fence / 1000 + 1) return false
  const endedBefore = record.state === 'idle' ? record.attempt : record.attempt - 1
  return record.starts > starts && endedBefore < attempt
}

/** No release, so that the next claim sees an abandoned attempt. After a takeover, the outcome is the new owner's. */
async function leftInDoubt(context: EngineContext, call: Call, grant: Grant, thrown: unknown): Promise<Settled> {
  const { owner, fence } = grant.lease
  const isOurs = await context.calls.find(call.named.id).then(
    (record) => record?.state === 'running' && record.owner === owner && record.fence === fence,
    () => true,
  )
  return isOurs ? { kind: 'failed', error: thrown } : afterLoss(context, call, grant, thrown)
}

function lockLost(context: EngineContext, call: Call, grant: Grant): OnlyonceError {
  const { fence } = grant.lease
  tell(context, call, { type: 'lease-lost', fence, heldMs: context.runtime.elapsed() - grant.askedAt })
  return leaseLost(call.named.key, 'another owner held the lock before this one gave it back')
}

/** @throws OnlyonceError unless the store is down and `onStoreDown` lets the effect run without it */
function tellStoreDown(context: EngineContext, call: Call, error: unknown): void {
  const down = OnlyonceError.is(error) && error.code === 'STORE_UNAVAILABLE'
  if (!down || call.options.onStoreDown === 'fail') throw error
  tell(context, call, { type: 'unprotected', error })
}

/** Runs the effect without the store, for at most `maxRunMs`: followers in this process must not wait for ever. */
async function runUnprotected(
  context: EngineContext,
  call: Call,
  effect: Effect<unknown>,
  leading: LeadingFlight,
): Promise<Settled> {
  const { runtime } = context
  const { named, options } = call
  const { leaseMs, maxRunMs } = options
  const startedAt = runtime.elapsed()
  const op = new RunningOperation({ named, attempt: 1, starts: 1, fence: 0, owner: '', steps: [] })
  leading.claimed({ kind: 'running', retryAfterMs: leaseMs }, runtime.elapsed() + leaseMs)
  const tooLong = () => {
    const loss = leaseLost(named.key, 'it ran longer than maxRunMs, without the store')
    RunningOperation.abort(op, loss)
    return loss
  }
  const run = (async () => {
    try {
      const value = await effect(op)
      await RunningOperation.rest(op)
      return value
    } catch (thrown) {
      await RunningOperation.settled(op)
      throw thrown
    } finally {
      RunningOperation.end(op)
    }
  })()
  try {
    return { kind: 'local', value: await timeLimit(runtime, run, maxRunMs, tooLong), fence: 0 }
  } catch (error) {
    tell(context, call, { type: 'failed', error, remembered: false, tookMs: runtime.elapsed() - startedAt })
    return { kind: 'failed', error }
  }
}
