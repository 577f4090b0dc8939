import type { Outcome } from '../core/once.ts'
import { type Runtime, sleep } from '../core/runtime.ts'
import { backoff, timeLimit } from '../core/time-limit.ts'
import type { Course, Run } from './course.ts'
import type { Histories } from './history.ts'

const FIRST_POLL_MS = 20
const SLOWEST_POLL_MS = 1_000
const HELD: Outcome<void> = Object.freeze({ kind: 'in-flight', retryAfterMs: 0 })

/**
 * Runs a message whose last start was not seen to end when no other such message of this process runs. A start counts
 * when it begins, so messages that run beside one that kills the process would be counted, and in the end parked, with
 * it; alone, each is judged by its own doing. Nobody waits here for an owner elsewhere: it would stop the others.
 */
export function suspectsAlone(run: Run, histories: Histories, runtime: Runtime, holdMs: number): Run {
  let last: Promise<unknown> = Promise.resolve()
  /** By key: what this process has begun, and would mistake for somebody's unfinished start. */
  const underWay = new Map<string, Promise<unknown>>()

  async function tracked(course: Course, work: () => Promise<Outcome<void>>): Promise<Outcome<void>> {
    const { key } = course.named
    const ours = work()
    const over = ours.catch(() => {})
    underWay.set(key, over)
    try {
      return await ours
    } finally {
      if (underWay.get(key) === over) underWay.delete(key)
    }
  }

  function alone(course: Course): Promise<Outcome<void>> {
    const turn = last.then(() => (course.withdrawn === undefined ? tracked(course, () => run(course, 'reject')) : HELD))
    last = turn.catch(() => {})
    return turn
  }

  async function waitForOurOwn(key: string, deadline: number): Promise<void> {
    for (let own = underWay.get(key); own !== undefined; own = underWay.get(key)) {
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
      await waitForOurOwn(course.named.key, deadline)
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
