/**
 * The life of an operation as pure functions: the specification that every store implements.
 * Each takes the current record and the time by the store's clock, and returns the outcome and the record to write.
 */
import type { Lease, OperationRecord, Steps, StoredResult } from './record.ts'
import type { ClaimOutcome, ClaimRequest, Completion, Renewal, WriteOutcome } from './store.ts'

/** `write` left out: the record stays as it is. */
export interface Decision<Outcome> {
  readonly outcome: Outcome
  readonly write?: OperationRecord
}

/** The retention of a result that waits for a decision: the largest time a JavaScript Date can hold. */
export const FOREVER = 8_640_000_000_000_000

/** One list for all records without steps: a store in memory may hold many thousands. */
const NO_STEPS: Steps = Object.freeze([])

/**
 * Judges in the order retention, fingerprint, state, lease. `fenceFloor` is the largest fence of any record that was
 * removed, so that fences grow across forget, sweep and a clock that was set back.
 */
export function decideClaim(
  current: OperationRecord | undefined,
  request: ClaimRequest,
  now: number,
  fenceFloor = 0,
): Decision<ClaimOutcome> {
  const known = retained(current, now)
  if (known === undefined) return grant(undefined, request, now, Math.max(fenceFloor, current?.fence ?? 0))
  if (known.fingerprint !== request.fingerprint) return { outcome: { kind: 'mismatch' } }
  switch (known.state) {
    case 'done':
      return { outcome: { kind: 'done', id: known.id, fence: known.fence, result: known.result as StoredResult } }
    case 'idle':
      // A delayed copy of the claim that this owner has already released: nobody would use the grant.
      if (known.owner === request.owner) return { outcome: { kind: 'running', retryAfterMs: 0 } }
      return grant(known, request, now, fenceFloor)
    case 'running':
      if (known.owner === request.owner) return { outcome: granted(known) }
      if (known.leaseUntil > now)
        return { outcome: { kind: 'running', retryAfterMs: Math.ceil(known.leaseUntil - now) } }
      return grant(known, request, now, fenceFloor)
  }
}

/** Extends the lease and keeps the longer list of steps. Never shortens either, so a delayed repeat does no harm. */
export function decideRenew(
  current: OperationRecord | undefined,
  { lease, leaseMs, retentionMs, steps = [] }: Renewal,
  now: number,
): Decision<WriteOutcome> {
  if (!holds(current, lease, now) || current.state !== 'running') return { outcome: 'lost' }
  return {
    outcome: 'ok',
    write: rewritten(current, {
      leaseUntil: Math.max(current.leaseUntil, now + leaseMs),
      retainUntil: Math.max(current.retainUntil, now + leaseMs + retentionMs),
      steps: steps.length > current.steps.length ? steps : current.steps,
    }),
  }
}

/**
 * Settles a running operation, also after its lease ran out: ownership is judged by owner and fence, not by the lease.
 * Of a done operation only a result `unknown` is replaced; any other completion returns `ok` and changes nothing.
 */
export function decideComplete(
  current: OperationRecord | undefined,
  { lease, result, retentionMs }: Completion,
  now: number,
): Decision<WriteOutcome> {
  if (!holds(current, lease, now) || current.state === 'idle') return { outcome: 'lost' }
  const resolved = current.result?.kind === 'unknown' && result.kind !== 'unknown'
  if (current.state === 'done' && !resolved) return { outcome: 'ok' }
  const retainUntil = result.kind === 'unknown' ? FOREVER : now + retentionMs
  return {
    outcome: 'ok',
    write: rewritten(current, { state: 'done', result, leaseUntil: now, retainUntil, steps: NO_STEPS }),
  }
}

/**
 * Releases a running operation. Fingerprint, steps and fence stay. `attempt` is reduced by one, for this attempt only:
 * if an earlier owner abandoned the operation, the next claim still reports that the effect may have happened.
 */
export function decideRelease(current: OperationRecord | undefined, lease: Lease, now: number): Decision<WriteOutcome> {
  if (!holds(current, lease, now) || current.state === 'done') return { outcome: 'lost' }
  if (current.state === 'idle') return { outcome: 'ok' }
  const attempt = current.attempt - 1
  return { outcome: 'ok', write: rewritten(current, { state: 'idle', attempt, leaseUntil: now }) }
}

/** Never true for a running record whose lease is valid. */
export function isSweepable(record: OperationRecord, now: number): boolean {
  return record.retainUntil <= now && record.leaseUntil <= now
}

/** The record if it still binds its key. */
export function retained(record: OperationRecord | undefined, now: number): OperationRecord | undefined {
  return record === undefined || isSweepable(record, now) ? undefined : record
}

/** Whether the lease of a running operation is over: nobody settled it, and a claim takes it over. */
export function isAbandoned(record: OperationRecord, now: number): boolean {
  return record.state === 'running' && record.leaseUntil <= now
}

/** A record whose retention is over counts as gone, swept or not: a late write must not bring it back. */
function holds(record: OperationRecord | undefined, lease: Lease, now: number): record is OperationRecord {
  const known = retained(record, now)
  return known !== undefined && known.owner === lease.owner && known.fence === lease.fence
}

function grant(
  known: OperationRecord | undefined,
  request: ClaimRequest,
  now: number,
  fenceFloor: number,
): Decision<ClaimOutcome> {
  const write = rewritten(
    {
      id: request.id,
      fingerprint: request.fingerprint,
      state: 'running',
      owner: request.owner,
      fence: Math.max(known?.fence ?? 0, fenceFloor, Math.floor(now * 1000) - 1) + 1,
      attempt: (known?.attempt ?? 0) + 1,
      starts: (known?.starts ?? 0) + 1,
      leaseUntil: now + request.leaseMs,
      retainUntil: now + request.leaseMs + request.retentionMs,
      createdAt: known?.createdAt ?? now,
      steps: known?.steps ?? NO_STEPS,
    },
    { scope: request.scope, key: request.key },
  )
  return { outcome: granted(write), write }
}

type Changes = { readonly [K in keyof OperationRecord]?: OperationRecord[K] | undefined }

/** Copies member by member: spreading a record of this size takes V8 thirty times as long. */
function rewritten(record: OperationRecord, change: Changes): OperationRecord {
  const write: { -readonly [K in keyof OperationRecord]: OperationRecord[K] } = {
    id: record.id,
    fingerprint: record.fingerprint,
    state: change.state ?? record.state,
    owner: record.owner,
    fence: record.fence,
    attempt: change.attempt ?? record.attempt,
    starts: record.starts,
    leaseUntil: change.leaseUntil ?? record.leaseUntil,
    retainUntil: change.retainUntil ?? record.retainUntil,
    createdAt: record.createdAt,
    steps: change.steps ?? record.steps,
  }
  const { scope = record.scope, key = record.key, result = record.result } = change
  if (scope !== undefined) write.scope = scope
  if (key !== undefined) write.key = key
  if (result !== undefined) write.result = result
  return write
}

function granted(record: OperationRecord): ClaimOutcome {
  return {
    kind: 'granted',
    lease: { id: record.id, owner: record.owner, fence: record.fence },
    attempt: record.attempt,
    starts: record.starts,
    steps: record.steps,
  }
}
