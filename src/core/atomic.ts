import { decideWithin, EffectThrew, isUnderWay, runWithin } from './atomic-limits.ts'
import { backoff } from './backoff.ts'
import { decodeError, encodeResult } from './codec.ts'
import { type Call, claimRequest, type EngineContext, tell } from './context.ts'
import { isClosed, OnlyonceError, reasonOf } from './errors.ts'
import { answered, type Settled, TRANSACTION_RETRY_MS } from './flights.ts'
import { quote } from './key.ts'
import type { AtomicEffect } from './once.ts'
import { RunningOperation } from './operation.ts'
import type { Lease, StoredResult } from './record.ts'
import { wasRefusedAtCommit } from './refused-commit.ts'
import { storedError, storedValue } from './result.ts'
import { sleep } from './runtime.ts'
import type { AtomicClaims, ClaimOutcome, TransactionalStore } from './store.ts'
import { remembers } from './throw-policy.ts'
import { inTurn } from './turns.ts'

/**
 * Runs claim, effect and result in one transaction of ours: it commits all three or leaves nothing.
 * @throws OnlyonceError STORE_UNAVAILABLE, LEASE_LOST (longer than maxRunMs), OUTCOME_UNKNOWN (the commit's answer was
 * lost, and the record cannot be read)
 */
export async function leadAtomic<Tx>(
  context: EngineContext,
  store: TransactionalStore<Tx>,
  call: Call,
  effect: AtomicEffect<Tx, unknown>,
  claimed: (outcome: ClaimOutcome) => void,
): Promise<Settled> {
  const startedAt = context.runtime.elapsed()
  try {
    const settled = await committed(context, store, call, (tx, owner) =>
      insideTransaction(context, store, call, effect, tx, owner, claimed),
    ).catch((error) => {
      if (!(error instanceof EffectThrew) || !remembers(context, call, error.thrown)) throw error
      // A new transaction: work that the effect left running may still write into the one it was given.
      return committed(context, store, call, (tx, owner) => {
        const claims = store.within(tx)
        return claims.guarded(() => keepError(context, claims, call, owner, error))
      })
    })
    return announced(context, call, settled, startedAt)
  } catch (error) {
    return undone(context, call, error, startedAt)
  }
}

/** Runs `work` in a transaction of ours. Returns its outcome once the commit is certain. */
async function committed<Tx>(
  context: EngineContext,
  store: TransactionalStore<Tx>,
  call: Call,
  work: (tx: Tx, owner: string) => Promise<Settled>,
): Promise<Settled> {
  const owner = context.runtime.token()
  let reached: Settled | undefined
  try {
    return await store.transaction(async (tx) => {
      // A store may retry this function; the outcome of the previous try was rolled back.
      reached = undefined
      reached = await work(tx, owner)
      return reached
    })
  } catch (error) {
    if (reached === undefined) throw error
    return await afterCommitFailed(context, call, owner, reached, error)
  }
}

/**
 * As `leadAtomic`, in the caller's own open transaction: nothing is final until it commits, whatever the events say.
 */
export async function joinAtomic<Tx>(
  context: EngineContext,
  store: TransactionalStore<Tx>,
  call: Call,
  effect: AtomicEffect<Tx, unknown>,
  tx: Tx,
): Promise<Settled> {
  const startedAt = context.runtime.elapsed()
  try {
    const owner = context.runtime.token()
    const settled = await inTurn(Object(tx), () =>
      insideTransaction(context, store, call, effect, tx, owner, () => {}).catch((error) => {
        if (!(error instanceof EffectThrew) || !remembers(context, call, error.thrown)) throw error
        return keepError(context, store.within(tx), call, owner, error)
      }),
    )
    if (settled.kind === 'result' && !settled.ran) {
      tell(context, call, { type: 'replayed', result: settled.result.kind, joined: false })
    }
    if (settled.kind === 'mismatch') tell(context, call, { type: 'mismatch' })
    if (settled.kind === 'in-flight') tell(context, call, { type: 'in-flight', retryAfterMs: settled.retryAfterMs })
    return announced(context, call, settled, startedAt)
  } catch (error) {
    return undone(context, call, error, startedAt)
  }
}

/** The outcome of a transaction that was rolled back by `error`. @throws OnlyonceError unless the effect threw it */
export function undone(context: EngineContext, call: Call, error: unknown, startedAt: number): Settled {
  if (error instanceof EffectThrew) {
    const tookMs = context.runtime.elapsed() - startedAt
    tell(context, call, { type: 'failed', error: error.thrown, remembered: false, tookMs })
    return { kind: 'failed', error: error.thrown }
  }
  const failure = OnlyonceError.from(error, 'STORE_UNAVAILABLE', notChanged(context, error))
  const { code } = failure
  if (code === 'STORE_UNAVAILABLE')
    tell(context, call, { type: 'store-failed', verb: 'transaction', code, error: failure })
  throw failure
}

async function insideTransaction<Tx>(
  context: EngineContext,
  store: TransactionalStore<Tx>,
  call: Call,
  effect: AtomicEffect<Tx, unknown>,
  tx: Tx,
  owner: string,
  claimed: (outcome: ClaimOutcome) => void,
): Promise<Settled> {
  const claims = store.within(tx)
  return claims.guarded(async () => {
    const claim = await claims.claim(claimRequest(context, call, owner))
    claimed(claim)
    // Not "done": an effect that asks for itself would be told that it has ended, and what it asked for never run.
    if (claim.kind === 'done' && isUnderWay(context, claim))
      return { kind: 'in-flight', retryAfterMs: TRANSACTION_RETRY_MS }
    if (claim.kind !== 'granted') return answered(claim)
    const { lease, attempt } = claim
    const claimedAt = context.runtime.elapsed()
    const decided = await decideWithin(context, call, claim)
    if (decided !== undefined) return keep(claims, call, lease, attempt, decided, false)
    const { fence } = lease
    const { starts, steps } = claim
    const op = new RunningOperation({ named: call.named, attempt, starts, fence, owner, steps })
    const value = await runWithin(context, call, tx, [op], () => effect(tx, op))
    const isLate = isLateFor(call, context.runtime.elapsed() - claimedAt)
    return keep(claims, call, lease, attempt, storedValue(value), true, isLate)
  })
}

/** Stores the effect's error as the result, after its writes were undone, unless a rival has claimed the operation. */
async function keepError(
  context: EngineContext,
  claims: AtomicClaims,
  call: Call,
  owner: string,
  threw: EffectThrew,
): Promise<Settled> {
  const again = await claims.claim(claimRequest(context, call, owner))
  if (again.kind !== 'granted') return answered(again)
  return keep(claims, call, again.lease, again.attempt, storedError(threw.thrown), true)
}

/** Retention starts at the claim. True if the effect took more than half of it, so that it must start anew. */
export function isLateFor({ options }: Call, ranMs: number): boolean {
  return ranMs > options.retentionMs / 2
}

/** The claim has written the record as done without a value: only a value, or being late, needs a second write. */
export async function keep(
  claims: AtomicClaims,
  { named, options }: Call,
  lease: Lease,
  attempt: number,
  result: StoredResult,
  ran: boolean,
  isLate = false,
): Promise<Settled> {
  if (isLate || result.kind !== 'value' || !sameBytes(result.body, NOTHING)) {
    const outcome = await claims.complete({ lease, result, retentionMs: options.retentionMs })
    // Nobody else can write the record of an open transaction, so its effect did: a commit would leave no such result.
    if (outcome === 'lost') throw recordChanged(named.key)
  }
  return { kind: 'result', result, ran, attempt, fence: lease.fence }
}

function recordChanged(key: string): OnlyonceError {
  return new OnlyonceError(
    'STORE_UNAVAILABLE',
    `the result of ${quote(key)} found no record to go to, so nothing was changed: its effect has removed or rewritten the record ` +
      'that was claimed in its transaction; leave the tables of the store, and the settings of the connection, as they are',
  )
}

const NOTHING = encodeResult(undefined)

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

/**
 * Finds out, by owner and fence in the record, whether a commit without an answer happened. Retries for `leaseMs`.
 * @throws EffectThrew where the database has refused what the effect had written
 */
export async function afterCommitFailed(
  context: EngineContext,
  { named, options }: Call,
  owner: string,
  reached: Settled,
  error: unknown,
): Promise<Settled> {
  const { calls, runtime } = context
  // Nothing was written, so the outcome holds without a commit.
  if (reached.kind !== 'result' || reached.attempt === 0) return reached
  // The store knows more than the record shows: an effect that committed by itself has committed the record too.
  if (OnlyonceError.is(error) && error.code === 'OUTCOME_UNKNOWN') throw error
  const deadline = runtime.elapsed() + options.leaseMs
  const pauseMs = backoff(runtime, 50, 1_000)
  for (;;) {
    try {
      const record = await calls.find(named.id)
      if (record?.owner === owner && record.fence === reached.fence && record.state === 'done') return reached
      break
    } catch (unreadable) {
      if (isClosed(unreadable) || runtime.elapsed() >= deadline) {
        throw new OnlyonceError(
          'OUTCOME_UNKNOWN',
          `the commit for ${quote(named.key)} failed (${reasonOf(error)}) and its record cannot be read; ask again with the same key`,
          { cause: unreadable },
        )
      }
      await sleep(runtime, pauseMs())
    }
  }
  if (wasRefusedAtCommit(error)) throw new EffectThrew(error)
  throw OnlyonceError.from(error, 'STORE_UNAVAILABLE', notChanged(context, error))
}

export function announced(context: EngineContext, call: Call, settled: Settled, startedAt: number): Settled {
  if (settled.kind !== 'result') return settled
  const { attempt, fence, result } = settled
  if (result.kind === 'unknown') tell(context, call, { type: 'unknown' })
  const tookMs = context.runtime.elapsed() - startedAt
  if (!settled.ran) return settled
  if (result.kind === 'error') {
    tell(context, call, { type: 'failed', error: decodeError(result.body), remembered: true, tookMs })
  } else tell(context, call, { type: 'executed', attempt, fence, tookMs })
  return settled
}

function notChanged({ store }: EngineContext, error: unknown): string {
  return `the ${store.name} store did not commit the transaction (${reasonOf(error)}); nothing was changed: ask again later`
}
