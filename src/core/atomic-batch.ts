import { afterCommitFailed, announced, isLateFor, keep, undone } from './atomic.ts'
import { decideWithin, EffectThrew, runWithin } from './atomic-limits.ts'
import { encodeResult } from './codec.ts'
import { type Call, claimRequest, type EngineContext, tell } from './context.ts'
import { answered, type Settled } from './flights.ts'
import type { BatchEffect } from './once.ts'
import { RunningOperation } from './operation.ts'
import type { OperationId, StoredResult } from './record.ts'
import type { AtomicClaims, ClaimOutcome, TransactionalStore } from './store.ts'

/** `undone`: nothing of this operation happened, because another one in the batch failed or is in flight. */
export type BatchSettled = Settled | { readonly kind: 'undone' }

type Granted = Extract<ClaimOutcome, { readonly kind: 'granted' }>

const UNDONE: BatchSettled = Object.freeze({ kind: 'undone' })
/** The result of each operation in a batch: no value, as the claim has written it. */
const NOTHING: StoredResult = Object.freeze({ kind: 'value', body: encodeResult(undefined) })

/** Rolls back the transaction of a batch and carries its outcomes out of it. */
class InFlight extends Error {
  readonly settled: readonly BatchSettled[]
  constructor(settled: readonly BatchSettled[]) {
    super('an operation of the batch is in flight')
    this.settled = settled
  }
}

/**
 * Runs claims, effect and records of many operations in one transaction of ours. An operation in flight elsewhere stops
 * the batch before its effect: a caller that keeps an order could not run the operations after it.
 * @throws OnlyonceError as `leadAtomic`
 */
export async function leadAtomicBatch<Tx>(
  context: EngineContext,
  store: TransactionalStore<Tx>,
  calls: readonly Call[],
  effect: BatchEffect<Tx>,
): Promise<readonly BatchSettled[]> {
  const { runtime } = context
  const startedAt = runtime.elapsed()
  const owner = runtime.token()
  const places = placesOf(calls)
  const distinct = [...places.values()].map((at) => calls[at] as Call)
  let reached: readonly Settled[] | undefined
  let begun: readonly (RunningOperation | undefined)[] = []

  function inPlace<T>(list: readonly (T | undefined)[]): readonly (T | undefined)[] {
    const placed: (T | undefined)[] = calls.map(() => undefined)
    for (const [index, at] of [...places.values()].entries()) placed[at] = list[index]
    return placed
  }

  async function inside(tx: Tx): Promise<readonly Settled[]> {
    const claims = store.within(tx)
    begun = []
    const outcomes = await claims.claimAll(distinct.map((call) => claimRequest(context, call, owner)))
    if (outcomes.some(({ kind }) => kind === 'running'))
      throw new InFlight(outcomes.map((outcome) => (outcome.kind === 'granted' ? UNDONE : answered(outcome))))
    const settled: (Settled | undefined)[] = []
    const ops: (RunningOperation | undefined)[] = []
    for (const [index, outcome] of outcomes.entries()) {
      const call = distinct[index] as Call
      settled[index] = outcome.kind === 'granted' ? await takenBack(context, claims, call, outcome) : answered(outcome)
      ops[index] = settled[index] === undefined ? operationOf(call, outcome as Granted) : undefined
    }
    begun = ops
    const begunAt = runtime.elapsed()
    const running = ops.filter((op) => op !== undefined)
    const named = distinct[ops.findIndex((op) => op !== undefined)]
    if (named !== undefined) await runWithin(context, named, tx, running, () => effect(tx, inPlace(ops)))
    for (const [index, op] of ops.entries()) {
      const call = distinct[index] as Call
      if (op === undefined || !isLateFor(call, runtime.elapsed() - begunAt)) continue
      await keep(claims, call, (outcomes[index] as Granted).lease, op.attempt, NOTHING, true, true)
    }
    return settled.map((one, index) => one ?? ranHere(ops[index] as RunningOperation))
  }

  let settled: readonly BatchSettled[]
  try {
    settled = await store.transaction(async (tx) => {
      reached = undefined
      reached = await inside(tx)
      return reached
    })
  } catch (error) {
    if (error instanceof InFlight) settled = error.settled
    else
      settled = await confirmed(context, distinct, owner, reached, error).catch((thrown) =>
        failed(context, distinct, begun, thrown, startedAt),
      )
  }
  for (const [index, one] of settled.entries()) tellOf(context, distinct[index] as Call, one, startedAt)
  const placed = inPlace(settled)
  return calls.map((call, at) => {
    const first = places.get(call.named.id) as number
    return placed[at] ?? copyOf(call, calls[first] as Call, placed[first] as BatchSettled)
  })
}

/** The index in `calls` at which each operation occurs first. */
function placesOf(calls: readonly Call[]): ReadonlyMap<OperationId, number> {
  const places = new Map<OperationId, number>()
  for (const [at, { named }] of calls.entries()) if (!places.has(named.id)) places.set(named.id, at)
  return places
}

/** The outcome of a duplicate within the batch, derived from that of its first occurrence. A duplicate never runs. */
function copyOf(call: Call, first: Call, settled: BatchSettled): BatchSettled {
  if (settled.kind === 'failed' || settled.kind === 'undone') return UNDONE
  if (call.named.fingerprint === first.named.fingerprint)
    return settled.kind === 'result' ? { ...settled, ran: false } : settled
  // The payloads differ. Only a result proves that the key is bound to the first one.
  return settled.kind === 'result' ? { kind: 'mismatch' } : UNDONE
}

/** Applies `onAbandoned` to an operation that a leased owner abandoned. Returns `undefined` when it is to run. */
async function takenBack(
  context: EngineContext,
  claims: AtomicClaims,
  call: Call,
  granted: Granted,
): Promise<Settled | undefined> {
  const { lease, attempt } = granted
  const decided = await decideWithin(context, call, granted)
  return decided === undefined ? undefined : keep(claims, call, lease, attempt, decided, false)
}

function operationOf({ named }: Call, { lease, attempt, starts, steps }: Granted): RunningOperation {
  return new RunningOperation({ named, attempt, starts, fence: lease.fence, owner: lease.owner, steps })
}

function ranHere({ attempt, fence }: RunningOperation): Settled {
  return { kind: 'result', result: NOTHING, ran: true, attempt, fence }
}

/** Checks one record after a failed commit: all were written by the same transaction, so it stands for all. */
async function confirmed(
  context: EngineContext,
  distinct: readonly Call[],
  owner: string,
  reached: readonly Settled[] | undefined,
  error: unknown,
): Promise<readonly BatchSettled[]> {
  if (reached === undefined) throw error
  const written = reached.findIndex((one) => one.kind === 'result' && one.attempt > 0)
  const witness = reached[written]
  // If nothing was written, the outcomes hold without a commit.
  if (witness !== undefined) await afterCommitFailed(context, distinct[written] as Call, owner, witness, error)
  return reached
}

/**
 * Operations that the effect was given have failed with its error. The others are `undone`: the caller asks again.
 * @throws OnlyonceError unless the effect threw it
 */
function failed(
  context: EngineContext,
  distinct: readonly Call[],
  begun: readonly (RunningOperation | undefined)[],
  error: unknown,
  startedAt: number,
): readonly BatchSettled[] {
  if (!(error instanceof EffectThrew)) undone(context, distinct[0] as Call, error, startedAt)
  return distinct.map((call, index) => (begun[index] === undefined ? UNDONE : undone(context, call, error, startedAt)))
}

function tellOf(context: EngineContext, call: Call, settled: BatchSettled, startedAt: number): void {
  switch (settled.kind) {
    case 'result':
      announced(context, call, settled, startedAt)
      if (!settled.ran) tell(context, call, { type: 'replayed', result: settled.result.kind, joined: false })
      return
    case 'mismatch':
      tell(context, call, { type: 'mismatch' })
      return
    case 'in-flight':
      tell(context, call, { type: 'in-flight', retryAfterMs: settled.retryAfterMs })
      return
    default:
      return
  }
}
