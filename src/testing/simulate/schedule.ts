import { invalidOption } from '../../core/option-rules.ts'
import { startMessage } from './broker.ts'
import { startCaller } from './callers.ts'
import { dice as diceOf } from './dice.ts'
import { type FaultPlan, mixture, randomFaults } from './faults.ts'
import { isFedByBroker, type Scenario, type SimCaller, scenario as scenarioOf } from './scenario.ts'
import { buildSite } from './site.ts'
import { type Violation, World } from './world.ts'

/** Options of `playSchedule`. The same ones always play the same schedule. */
export interface ScheduleOptions {
  /** What the scenario, the faults and their moments come from. */
  readonly seed: number
  /** Default false. Keeps a readable trace of everything. Does not change what happens. */
  readonly tracing?: boolean
  /** Default: none. Replaces the faults that the seed would choose. */
  readonly plan?: (scenario: Scenario) => FaultPlan
  /** Default: none. Replaces the scenario that the seed would choose. */
  readonly scenario?: Scenario
}

/**
 * What one schedule did. `violation` is `undefined` when every invariant held; `hash` is the same for the same events;
 * `trace` is empty without `tracing`.
 */
export interface ScheduleReport {
  readonly seed: number
  readonly mode: string
  readonly steps: number
  readonly virtualMs: number
  readonly hash: string
  readonly counts: ReadonlyMap<string, number>
  readonly violation: Violation | undefined
  readonly trace: readonly string[]
}

/** Plays one schedule from its first event until everything is settled and quiet. */
export async function playSchedule(options: ScheduleOptions): Promise<ScheduleReport> {
  const { seed, tracing = false } = Object(options) as ScheduleOptions
  if (!Number.isSafeInteger(seed)) throw invalidOption('seed', 'is required: a whole number', seed)
  const dice = diceOf(seed)
  const scenario = options.scenario ?? scenarioOf(dice)
  const plan = options.plan?.(scenario) ?? randomFaults(dice, mixture(dice), scenario.call.leaseMs)
  const world = new World({ dice, plan, calmFrom: scenario.calmFrom, tracing })
  if (tracing) world.note(JSON.stringify(scenario))
  world.count(`mode: ${scenario.mode}`)

  const unsettled = new Set<SimCaller>(scenario.callers)
  const site = buildSite(world, scenario)
  const settled = (caller: SimCaller) => {
    unsettled.delete(caller)
    if (unsettled.size === 0) site.settled()
  }
  const { batches } = site
  const start = isFedByBroker(scenario.mode) ? startMessage : startCaller
  for (const caller of scenario.callers) {
    if (batches === undefined) start(site, caller, settled)
    else batches.publish(caller, settled)
  }
  const quiet = await world.play(scenario.limit)
  if (quiet && world.violation === undefined) site.atTheEnd()
  if (!quiet && world.violation === undefined) {
    const names = [...unsettled].map(({ name }) => name).join(', ')
    if (names === '') world.violate('I24', `timers still run ${scenario.limit - scenario.calmFrom} ms after the faults`)
    else world.violate('I7', `not settled ${scenario.limit - scenario.calmFrom} ms after the faults: ${names}`)
  }
  return {
    seed,
    mode: scenario.mode,
    steps: world.steps,
    virtualMs: world.now,
    hash: world.hash.toString(16).padStart(8, '0'),
    counts: world.counts,
    violation: world.violation,
    trace: world.trace ?? [],
  }
}
