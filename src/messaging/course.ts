import { OnlyonceError } from '../core/errors.ts'
import { quote } from '../core/key.ts'
import type { Effect, Operation, Outcome } from '../core/once.ts'
import type { Delivery, Verdict } from './delivery.ts'
import type { AtomicInboxOptions, LeasedInboxOptions } from './inbox-options.ts'
import type { ResolvedInbox } from './inbox-settings.ts'
import { messageOf, Unprocessable } from './message.ts'
import { operationWith } from './operation-with.ts'
import { counterId, type Records } from './records.ts'

/** The state of one delivery in the inbox. */
export interface Course {
  readonly delivery: Delivery
  readonly named: Named
  /** Number of this start of the handler, once it is known. */
  starts: number
  /** Whether the record that counts starts is used. Only `atomic` has a separate one. */
  counted: boolean
  /** The handler was called. */
  handling: boolean
  /** Its error was stored as the result. */
  parked: boolean
  /** Set when the delivery must no longer be started. */
  withdrawn: Verdict | undefined
}

/** The operation a message stands for. */
export interface Named {
  readonly key: string
  readonly scope: string
  readonly payload?: Uint8Array
  readonly fingerprint?: string
}

/** Runs one delivery through the engine. `onInFlight`: whether it waits there for another owner. */
export type Run = (course: Course, onInFlight: 'wait' | 'reject') => Promise<Outcome<void>>

/** The effect did not start because its delivery was withdrawn. */
class Withdrawn extends Error {}

/** Runs the handler under a lease. The record itself counts every start. */
export function leasedRun({ once, handle }: LeasedInboxOptions, settings: ResolvedInbox): Run {
  return (course, onInFlight) => {
    const effect: Effect<void> = (op) =>
      begin(course, settings, op.starts, op.attempt, () => handle(messageOf(course.delivery), op))
    return once.attempt(course.named, effect, choices(course, settings, onInFlight))
  }
}

/**
 * Runs the handler inside one transaction with its record. A crash leaves nothing of a transaction, so starts are
 * counted in a separate record: the lock of the same key. A first delivery does without it: it is the one start that
 * the counter does not know, and is added. Where the broker never knows which delivery is the first, all are counted.
 */
export function atomicRun<Tx>(
  { once, handle }: AtomicInboxOptions<Tx>,
  settings: ResolvedInbox,
  records: Records,
): Run {
  const transact = async (course: Course, onInFlight: 'wait' | 'reject', lock?: Operation): Promise<Outcome<void>> => {
    const uncounted = course.delivery.redelivered === 'unknown' ? 0 : 1
    const starts = (lock?.starts ?? 0) + uncounted
    const effect = (tx: Tx, op: Operation) =>
      begin(course, settings, starts, lock?.attempt ?? 1, () =>
        handle(messageOf(course.delivery), tx, lock === undefined ? op : operationWith(op, { starts })),
      )
    try {
      return await once.atomic.attempt(course.named, effect, choices(course, settings, onInFlight))
    } catch (error) {
      if (!course.handling || !OnlyonceError.is(error) || error.code !== 'LEASE_LOST') throw error
      return overran(course, error)
    }
  }
  /** The handler ran longer than `maxRunMs` and left nothing: a failed start, as if it had thrown. */
  const overran = async (course: Course, error: OnlyonceError): Promise<Outcome<void>> => {
    if (course.starts < settings.maxAttempts) return { kind: 'failed', error, replayed: false }
    const refuse = () => {
      throw new Unprocessable(error.message)
    }
    return once.atomic.attempt(course.named, refuse, choices(course, settings, 'reject'))
  }
  return async (course, onInFlight) => {
    const { key, scope } = course.named
    if (!course.counted) return transact(course, onInFlight)
    let reached: Outcome<void> | undefined
    let isFirst = false
    const counted = async (lock: Operation) => {
      isFirst = lock.starts === 1
      reached = await transact(course, onInFlight, lock)
    }
    try {
      await once.exclusive({ key, scope }, counted, { ...settings.call, onInFlight })
    } catch (error) {
      // The outcome reached inside counts, even if the lock failed afterwards.
      if (reached !== undefined) return reached
      if (!OnlyonceError.is(error) || error.code !== 'IN_FLIGHT') throw error
      return { kind: 'in-flight', retryAfterMs: error.retryAfterMs ?? 0 }
    }
    const outcome = reached as unknown as Outcome<void>
    // Nothing started: it only waited behind a first delivery, which has no counter. A counter left here is one too
    // high.
    if (isFirst && outcome.kind === 'in-flight') await records.forget([counterId(course.named)]).catch(() => 0)
    return outcome
  }
}

/** Last check before the handler: whether it may start, judged by the starts known so far. */
async function begin(
  course: Course,
  { maxAttempts }: ResolvedInbox,
  starts: number,
  attempt: number,
  handle: () => unknown,
): Promise<void> {
  if (course.withdrawn !== undefined) throw new Withdrawn(course.withdrawn.kind)
  course.starts = starts
  // Starts that ended in a store error are not the message's fault: at least one must have vanished (`attempt > 1`).
  if (starts > maxAttempts && attempt > 1) {
    throw new Unprocessable(
      `message ${quote(course.delivery.id)} was started ${starts - 1} times, and the process died or never came back`,
    )
  }
  course.handling = true
  // The handler's return value is not stored: it may not be serializable, and a broker has no use for it.
  await handle()
}

function choices(course: Course, { call, maxAttempts }: ResolvedInbox, onInFlight: 'wait' | 'reject') {
  const onThrow = (error: unknown) => {
    const last = course.starts >= maxAttempts && !(error instanceof Withdrawn)
    course.parked = last || Unprocessable.is(error)
    return course.parked ? ('remember' as const) : ('release' as const)
  }
  return { ...call, onInFlight, onThrow }
}
