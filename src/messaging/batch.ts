import { ResolvedKey } from '../core/key.ts'
import type { AtomicCall, BatchEffect, BatchOptions, BatchOutcome, Operation } from '../core/once.ts'
import type { Course } from './course.ts'
import type { Delivery, Verdict } from './delivery.ts'
import type { Histories } from './history.ts'
import type { BatchInboxOptions } from './inbox-options.ts'
import type { ResolvedInbox } from './inbox-settings.ts'
import { messageOf } from './message.ts'
import { retry, verdictOf, verdictOfError } from './verdict.ts'

/** A delivery in a batch. */
export interface Rider {
  readonly course: Course
  /** Verdict on the previous message with its ordering key, if the batch has one. */
  readonly before: Promise<Verdict> | undefined
  /** Only the first call counts. */
  readonly decide: (verdict: Verdict) => void
  /** Set if it may be handled in the batch. */
  key: ResolvedKey | undefined
}

export interface BatchParts {
  readonly histories: Histories
  readonly isLate: (delivery: Delivery) => boolean
  readonly pauseMs: (starts: number) => number
  /** Handles one message alone: counts its starts and parks it. */
  readonly attempt: (course: Course) => Promise<Verdict>
}

/** A delivery of the batch was withdrawn before the handler started. */
class Withdrawn extends Error {}

/**
 * Handles deliveries together: one claim, one call of the handler and one commit for all. If that fails, it is rolled
 * back and each half is tried by itself, so that a message that makes its batch fail is soon alone; alone it is handled
 * by `attempt`. So is, from the start, a message that may have crashed a process, is late, or follows such a message.
 */
export function batchRun<Tx>(
  { once, handle }: BatchInboxOptions<Tx>,
  { call }: ResolvedInbox,
  { histories, isLate, pauseMs, attempt }: BatchParts,
): (riders: readonly Rider[]) => Promise<void> {
  const { maxKeyLength } = once.options
  const atomic = once.atomic as AtomicCall<Tx>
  const { leaseMs, maxRunMs, retentionMs, onAbandoned } = call
  const choices: BatchOptions = { leaseMs, maxRunMs, retentionMs, ...(onAbandoned && { onAbandoned }) }

  /** Returns `undefined` for an invalid key, which `attempt` refuses. */
  function keyOf({ named }: Course): ResolvedKey | undefined {
    try {
      return new ResolvedKey(named, named.scope, maxKeyLength)
    } catch {
      return undefined
    }
  }

  return async (all) => {
    /** Ordering keys of messages handled alone or given back: later messages of the batch must not overtake them. */
    const apart = new Set<string>()

    function leave({ course }: Rider): void {
      if (course.delivery.orderingKey !== undefined) apart.add(course.delivery.orderingKey)
    }

    function goAlone(rider: Rider): void {
      leave(rider)
      void alone(rider)
    }

    async function alone({ course, before, decide }: Rider): Promise<void> {
      const earlier = await before
      if (earlier?.kind !== 'retry' && earlier?.kind !== 'none') return decide(await attempt(course))
      const delayMs = earlier.kind === 'retry' ? earlier.delayMs : 0
      decide(retry(delayMs, 'an earlier message with its ordering key has to be handled first'))
    }

    /** Returns the riders that can still be handled together, in the order of delivery. */
    function stillTogether(riders: readonly Rider[]): readonly Rider[] {
      return riders.filter((rider) => {
        const { withdrawn, delivery } = rider.course
        if (withdrawn !== undefined) leave(rider)
        else if (delivery.orderingKey === undefined || !apart.has(delivery.orderingKey)) return true
        else goAlone(rider)
        return false
      })
    }

    /** A redelivered message may have failed or crashed its process: it is safe only if done or without a record. */
    async function unsuspected(): Promise<readonly Rider[]> {
      for (const rider of all) rider.key = isLate(rider.course.delivery) ? undefined : keyOf(rider.course)
      const suspects = all.filter(({ course, key }) => key !== undefined && course.delivery.redelivered !== false)
      if (suspects.length > 0) {
        const known = await histories.ofAll(suspects.map(({ course }) => course))
        for (const [index, rider] of suspects.entries()) {
          if (known[index] !== 'done' && known[index] !== 'none') rider.key = undefined
        }
      }
      return all.filter((rider) => {
        if (rider.key === undefined) goAlone(rider)
        return rider.key !== undefined
      })
    }

    async function together(given: readonly Rider[]): Promise<void> {
      const riders = stillTogether(given)
      const [first] = riders
      if (first === undefined) return
      if (riders.length === 1) return goAlone(first)
      let outcomes: readonly BatchOutcome[]
      try {
        outcomes = await atomic.batch(
          riders.map(({ key }) => key as ResolvedKey),
          effectOf(riders),
          choices,
        )
      } catch (error) {
        const verdict = verdictOfError(error, pauseMs)
        for (const rider of riders) {
          leave(rider)
          rider.decide(verdict)
        }
        return
      }
      const left = riders.filter((rider, index) => !isOver(rider, outcomes[index] as BatchOutcome))
      for (const { course, decide } of left) {
        course.handling = false
        // It was withdrawn while the handler ran, when that was not decided; it will not be reported again.
        if (course.withdrawn !== undefined) decide(course.withdrawn)
      }
      const blamed = outcomes.some((outcome) => outcome.kind === 'failed' && !outcome.replayed)
      if (!blamed || left.some(({ course }) => course.withdrawn !== undefined)) return together(left)
      const middle = left.length >> 1
      await together(left.slice(0, middle))
      await together(left.slice(middle))
    }

    function effectOf(riders: readonly Rider[]): BatchEffect<Tx> {
      return (tx, ops) => {
        if (riders.some(({ course }) => course.withdrawn !== undefined)) throw new Withdrawn()
        const granted = riders.filter((_, index) => ops[index] !== undefined)
        for (const { course } of granted) course.handling = true
        const messages = granted.map(({ course }) => messageOf(course.delivery))
        return handle(
          messages,
          tx,
          ops.filter((op): op is Operation => op !== undefined),
        )
      }
    }

    /** Returns false when nothing of it has taken effect and it has to be tried again. */
    function isOver(rider: Rider, outcome: BatchOutcome): boolean {
      const { course, decide } = rider
      if (outcome.kind === 'undone' || (outcome.kind === 'failed' && !outcome.replayed)) return false
      if (outcome.kind === 'in-flight') goAlone(rider)
      else decide(verdictOf(course.delivery, outcome, course, pauseMs))
      return true
    }

    try {
      await together(await unsuspected())
    } catch (error) {
      const verdict = verdictOfError(error, pauseMs)
      for (const { decide } of all) decide(verdict)
    }
  }
}
