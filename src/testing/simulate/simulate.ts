import { aFunction, checkEach, type Rule, refuseUnknown } from '../../core/option-rules.ts'
import { addCounts, unreached } from './coverage.ts'
import { playSchedule, type ScheduleReport } from './schedule.ts'

/** Options of `simulate`: which seeds to play. */
export interface SimulateOptions {
  /** Default 1 000. How many schedules to play. */
  readonly seeds?: number
  /** Default 1. The seed of the first schedule; the others follow. */
  readonly from?: number
  /** Default: nobody. Called now and then with the number of schedules played. */
  readonly onProgress?: (played: number) => void
}

/** What many schedules did together: it ends at the first that breaks an invariant. */
export interface SimulationReport {
  /** No invariant was broken. See `unreached` for what was never tested. */
  readonly ok: boolean
  readonly schedules: number
  readonly steps: number
  readonly virtualMs: number
  /** How often each fault and state was reached. */
  readonly counts: ReadonlyMap<string, number>
  /** Required faults and states that the run never reached: with many seeds, a sign that it tests too little. */
  readonly unreached: readonly string[]
  /** The first schedule that broke an invariant, replayed with its trace. */
  readonly failure?: ScheduleReport
}

const YIELD_EVERY = 50

const wholeNumber: Rule = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : 'must be a whole number'

/**
 * Plays seeded schedules of the engine, inbox and outbox relay under a virtual clock and every known fault, and checks
 * the invariants. Stops at the first seed that breaks one; replaying that seed breaks it again.
 */
export async function simulate(given: SimulateOptions = {}): Promise<SimulationReport> {
  refuseUnknown(given, ['seeds', 'from', 'onProgress'])
  const options = Object(given) as SimulateOptions
  checkEach(wholeNumber, { seeds: options.seeds, from: options.from })
  checkEach(aFunction, { onProgress: options.onProgress })
  const { seeds = 1_000, from = 1, onProgress } = options
  const counts = new Map<string, number>()
  let [schedules, steps, virtualMs] = [0, 0, 0]
  let failure: ScheduleReport | undefined
  // Most errors here are thrown on purpose, and nobody reads their stacks.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    for (let seed = from; seed < from + seeds && failure === undefined; seed++) {
      const report = await playSchedule({ seed })
      schedules++
      steps += report.steps
      virtualMs += report.virtualMs
      addCounts(counts, report.counts)
      if (report.violation !== undefined) failure = await playSchedule({ seed, tracing: true })
      if (schedules % YIELD_EVERY !== 0) continue
      await new Promise((resolve) => setImmediate(resolve))
      onProgress?.(schedules)
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
  const report = { ok: failure === undefined, schedules, steps, virtualMs, counts, unreached: unreached(counts) }
  return failure === undefined ? report : { ...report, failure }
}
