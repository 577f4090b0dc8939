import { judged } from '../../core/abandoned.ts'
import { OnlyonceError } from '../../core/errors.ts'
import type { KeyInput } from '../../core/key.ts'
import type { Operation, Outcome } from '../../core/once.ts'
import type { AbandonedOperation, CallOptions, Reconciled, ThrowVerdict } from '../../core/options.ts'
import type { ObservedRecord } from '../../core/record.ts'
import { report } from '../../core/reporting.ts'
import type { CompleterEngine, CompleterHandler } from './options.ts'

/** A record with its readable scope and key, without which it cannot be carried on. */
export type NamedRecord = ObservedRecord & { readonly scope: string; readonly key: string }

/** How carrying on one operation ended. */
export type Carried =
  | { readonly kind: 'completed'; readonly ran: boolean }
  | { readonly kind: 'failed'; readonly error: unknown; readonly starts: number; readonly final: boolean }
  | { readonly kind: 'held' }
  | { readonly kind: 'passed-over'; readonly reason: string }

/** The operation was settled, released or forgotten after it was listed, so it is not abandoned any more. */
class NotAbandoned extends Error {}

/**
 * Runs the handler under the operation's own claim, as its next attempt. After a failure the operation is not released
 * but left abandoned: no caller will retry it, so a completer must find it again when its lease is over.
 * @throws OnlyonceError STORE_UNAVAILABLE, LEASE_LOST, KEY_INVALID, CLOSED
 */
export async function carryOn(
  once: CompleterEngine,
  record: NamedRecord,
  handler: CompleterHandler,
  call: CallOptions,
): Promise<Carried> {
  let { starts } = record
  let unsure: { readonly error: unknown } | undefined
  let ran = false
  let verdict: ThrowVerdict | undefined
  const effect = (op: Operation): unknown => {
    if (isGivenBack(record, op)) throw new NotAbandoned('it is not abandoned any more')
    starts = op.starts
    if (unsure !== undefined) throw unsure.error
    ran = true
    return handler(op, aboutRecord(record))
  }
  const onAbandoned = call.onAbandoned ?? once.options.onAbandoned
  const reconcile = async (op: AbandonedOperation): Promise<Reconciled> => {
    if (typeof onAbandoned !== 'function') return { happened: false }
    try {
      return judged(await onAbandoned(op))
    } catch (error) {
      // The engine would release the operation for its caller to retry, but there is no caller.
      unsure = { error }
      return { happened: false }
    }
  }
  const onThrow = (error: unknown): ThrowVerdict => {
    verdict =
      error instanceof NotAbandoned ? 'release' : unsure !== undefined ? 'abandon' : verdictOn(once, call, error)
    return verdict
  }
  const outcome = await once.attempt(keyOf(record), effect, {
    ...call,
    onThrow,
    onAbandoned: typeof onAbandoned === 'function' ? reconcile : onAbandoned,
  })
  return carried(outcome, { ran, starts, final: verdict !== 'abandon' })
}

/**
 * Whether the operation was forgotten since it was listed, or claimed by a caller who gave it back and got its error. A
 * claim counts as a start for good, but a release takes its attempt back.
 */
function isGivenBack(listed: NamedRecord, { attempt, starts }: Operation): boolean {
  return attempt === 1 || (attempt === listed.attempt + 1 && starts > listed.starts + 1)
}

/** Settles a given-up operation as unknown, without running anything. Returns whether it now waits for an operator. */
export async function park(once: CompleterEngine, record: NamedRecord, call: CallOptions): Promise<boolean> {
  const nothing = () => {
    throw new NotAbandoned('it is not abandoned any more')
  }
  const options: CallOptions = { ...call, onAbandoned: 'hold', onThrow: 'release' }
  return (await once.attempt(keyOf(record), nothing, options)).kind === 'unknown'
}

function keyOf({ scope, key, fingerprint }: NamedRecord): KeyInput {
  return fingerprint === '' ? { scope, key } : { scope, key, fingerprint }
}

function aboutRecord({ scope, key, fingerprint, createdAt, leaseUntil }: NamedRecord) {
  return { scope, key, fingerprint, createdAt: new Date(createdAt), abandonedAt: new Date(leaseUntil) }
}

function verdictOn(
  once: CompleterEngine,
  { onThrow = once.options.onThrow }: CallOptions,
  error: unknown,
): ThrowVerdict {
  // The engine's own LEASE_LOST means that the outcome is unknown: as for every call, that is no result.
  const isStopped = OnlyonceError.is(error) && error.code === 'LEASE_LOST'
  if (typeof onThrow !== 'function') return onThrow === 'remember' && !isStopped ? 'remember' : 'abandon'
  try {
    return onThrow(error) === 'remember' ? 'remember' : 'abandon'
  } catch (broken) {
    report(once.options.onListenerError, broken)
    return 'abandon'
  }
}

interface Seen {
  readonly ran: boolean
  readonly starts: number
  readonly final: boolean
}

function carried(outcome: Outcome<unknown>, { ran, starts, final }: Seen): Carried {
  switch (outcome.kind) {
    case 'executed':
    case 'replayed':
      return { kind: 'completed', ran: ran && outcome.kind === 'executed' }
    case 'failed':
      if (outcome.error instanceof NotAbandoned) return { kind: 'passed-over', reason: outcome.error.message }
      // A stored error is a result like any other.
      if (outcome.replayed) return { kind: 'completed', ran: false }
      return { kind: 'failed', error: outcome.error, starts, final }
    case 'unknown':
      return { kind: 'held' }
    case 'in-flight':
      return { kind: 'passed-over', reason: 'somebody else is running it' }
    case 'mismatch':
      return { kind: 'passed-over', reason: 'its key is bound to another payload by now' }
  }
}

/** Whether an error means that the store or the engine cannot be used now, for any operation. */
export function isAboutStore(error: unknown): boolean {
  return OnlyonceError.is(error) && (error.code === 'STORE_UNAVAILABLE' || error.code === 'CLOSED')
}
