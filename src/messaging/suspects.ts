import { backoff } from '../core/backoff.ts'
import type { Outcome } from '../core/once.ts'
import { oneAtATime } from '../core/one-at-a-time.ts'
import { type Runtime, sleep } from '../core/runtime.ts'
import { timeLimit } from '../core/time-limit.ts'
import type { Course, Named, Run } from './course.ts'
import type { Histories } from './history.ts'

const FIRST_POLL_MS = 20
const SLOWEST_POLL_MS = 1_000
const HELD: Outcome<void> = Object.freeze({ kind: 'in-flight', retryAfterMs: 0 })

/**
 * Runs suspects (messages with a start that was not seen to end) one at a time in this process. A start counts when it
 * begins, so messages running beside one that kills the process would be counted, and in the end parked, with it;
 * alone, each is judged by itself. A suspect does not wait here for an owner elsewhere: it would block the others.
 */
export function suspectsAlone(run: Run, histories: Histories, runtime: Runtime, holdMs: number): Run {
  const inTurn = oneAtATime()
  /** Runs in progress in this process, by operation: they would look like another's unfinished start. */
  const underWay = new Map<string, Promise<unknown>>()

  async function tracked(course: Course, work: () => Promise<Outcome<void>>): Promise<Outcome<void>> {
    const operation = operationOf(course.named)
    const ours = work()
    const over = ours.catch(() => {})
    underWay.set(operation, over)
    try {
      return await ours
    } finally {
      if (underWay.get(operation) === over) underWay.delete(operation)
    }
  }

  function alone(course: Course): Promise<Outcome<void>> {
    return inTurn(async () => (course.withdrawn === undefined ? tracked(course, () => run(course, 'reject')) : HELD))
  }

  async function waitForOurOwn({ named }: Course, deadline: number): Promise<void> {
    const operation = operationOf(named)
    for (let own = underWay.get(operation); own !== undefined; own = underWay.get(operation)) {
      const left = deadline - runtime.elapsed()
      if (left <= 0) return
      await timeLimit(runtime, own, left, () => undefined).catch(() => {})
    }
  }

  return async (course, onInFlight) => {
    const deadline = runtime.elapsed() + holdMs
    const pauseMs = backoff(runtime, FIRST_POLL_MS, SLOWEST_POLL_MS)
    if (course.delivery.redelivered === false) return tracked(course, () => run(course, onInFlight))
    for (;;) {
      await waitForOurOwn(course, deadline)
      const history = await histories.of(course)
      course.counted = history !== 'done' && history !== 'none'
      if (course.withdrawn !== undefined) return HELD
      if (history !== 'unfinished') return tracked(course, () => run(course, onInFlight))
      const outcome = await alone(course)
      const left = deadline - runtime.elapsed()
      if (outcome.kind !== 'in-flight' || left <= 0) return outcome
      await sleep(runtime, Math.min(outcome.retryAfterMs + 1, pauseMs(), left))
    }
  }
}

/** Must work for a key that will be refused: it may not be a string, nor convertible to one. */
function operationOf({ scope, key }: Named): string {
  return `${scope.length}:${scope}${typeof key === 'string' ? key : ''}`
}
