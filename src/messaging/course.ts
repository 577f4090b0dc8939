import { OnlyonceError } from '../core/errors.ts'
import { quote } from '../core/key.ts'
import type { Effect, Operation, Outcome } from '../core/once.ts'
import type { Delivery, Verdict } from './delivery.ts'
import type { AtomicInboxOptions, LeasedInboxOptions } from './inbox-options.ts'
import type { ResolvedInbox } from './inbox-settings.ts'
import { messageOf, Unprocessable } from './message.ts'
import { operationWith } from './operation-with.ts'

/** Where one delivery is on its way. */
export interface Course {
  readonly delivery: Delivery
  readonly named: Named
  /** Which start of the handler this is, once it is known. */
  starts: number
  /** Whether the record that counts starts is asked. Only `atomic` has one of its own. */
  counted: boolean
  /** The handler was called. */
  handling: boolean
  /** What it threw became the result. */
  parked: boolean
  /** Set when the delivery is no longer ours to begin. */
  withdrawn: Verdict | undefined
}

/** The operation a message stands for. */
export interface Named {
  readonly key: string
  readonly scope: string
  readonly payload?: Uint8Array
  readonly fingerprint?: string
}

/** How one delivery is carried through the engine, and whether it waits there for another owner. */
export type Run = (course: Course, onInFlight: 'wait' | 'reject') => Promise<Outcome<void>>

/** The effect did not start because its delivery was withdrawn. */
class Withdrawn extends Error {}

/** The handler under a lease. The record itself counts every start. */
export function leasedRun({ once, handle }: LeasedInboxOptions, settings: ResolvedInbox): Run {
  return (course, onInFlight) => {
    const effect: Effect<void> = (op) =>
      begin(course, settings, op.starts, op.attempt, () => handle(messageOf(course.delivery), op))
    return once.attempt(course.named, effect, choices(course, settings, onInFlight))
  }
}

/**
 * The handler inside one transaction with its record. A crash leaves nothing of a transaction, so starts are counted
 * in a record of their own: the lock of the same key. A first delivery does not pay for it: it is the one start that
 * the counter does not know, and is added. Where the broker never knows which one that is, all of them are counted.
 */
export function atomicRun<Tx>({ once, handle }: AtomicInboxOptions<Tx>, settings: ResolvedInbox): Run {
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
  /** It ran longer than `maxRunMs` and left nothing: a start that failed, as if the handler had thrown. */
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
    const counted = async (lock: Operation) => {
      reached = await transact(course, onInFlight, lock)
    }
    try {
      await once.exclusive({ key, scope }, counted, { ...settings.call, onInFlight })
    } catch (error) {
      // What was committed inside counts, whatever became of the counter afterwards.
      if (reached !== undefined) return reached
      if (!OnlyonceError.is(error) || error.code !== 'IN_FLIGHT') throw error
      return { kind: 'in-flight', retryAfterMs: error.retryAfterMs ?? 0 }
    }
    return reached as unknown as Outcome<void>
  }
}

/** The last word before the handler: whether it may start, by what is known of the starts before. */
async function begin(
  course: Course,
  { maxAttempts }: ResolvedInbox,
  starts: number,
  attempt: number,
  handle: () => unknown,
): Promise<void> {
  if (course.withdrawn !== undefined) throw new Withdrawn(course.withdrawn.kind)
  course.starts = starts
  // Starts that ended in an error of the store are not the message's fault: one that vanished must be among them.
  if (starts > maxAttempts && attempt > 1) {
    throw new Unprocessable(
      `message ${quote(course.delivery.id)} was started ${starts - 1} times, and the process died or never came back`,
    )
  }
  course.handling = true
  // What a handler returns is not kept: it might have no stored form, and a broker has no use for it.
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
