import { dice } from './dice.ts'
import type { EffectFault, FaultPlan, SendFault, StepFault } from './faults.ts'
import { type Mode, type Scenario, scenario } from './scenario.ts'
import { playSchedule, type ScheduleReport } from './schedule.ts'

/** One fault at one point of a schedule: the `nth` point of that kind. */
export type Placement =
  | { readonly at: 'step'; readonly nth: number; readonly fault: StepFault }
  | { readonly at: 'send'; readonly nth: number; readonly fault: SendFault }
  | { readonly at: 'effect'; readonly nth: number; readonly fault: EffectFault }

type Points = Record<Placement['at'], number>

/** Every kind, with lengths on both sides of the lease of 1000 ms. */
const STEPS: readonly StepFault[] = [
  { kind: 'crash', downMs: 50 },
  { kind: 'crash', downMs: 1200 },
  { kind: 'pause', ms: 400 },
  { kind: 'pause', ms: 1500 },
]
const SENDS: readonly SendFault[] = [
  { kind: 'crash-at-send', downMs: 50 },
  ...[false, true].flatMap((silent): SendFault[] => [
    { kind: 'lost-request', silent },
    { kind: 'lost-reply', silent },
  ]),
  ...[120, 1500].flatMap((ms): SendFault[] => [
    { kind: 'slow-request', ms },
    { kind: 'slow-reply', ms },
    { kind: 'sent-again', ms },
  ]),
]
const EFFECTS: readonly EffectFault[] = [
  { kind: 'throws-before' },
  { kind: 'throws-after' },
  { kind: 'hangs' },
  { kind: 'hangs-until-aborted' },
  { kind: 'slow', ms: 1500 },
]

/** Two workers and three callers of one key, or a batch of a few: small enough to place every fault everywhere. */
export function smallScenario(mode: Mode, seed: number): Scenario {
  for (let nth = seed; ; nth += 1_000) {
    const drawn = scenario(dice(nth), mode)
    const mostKeys = mode === 'batch' ? 3 : 1
    const { keys, workers, callers } = drawn
    if (keys.length > mostKeys || workers.length !== 2 || callers.length < 2 || callers.length > 3) continue
    const call = { ...drawn.call, leaseMs: 1000, maxRunMs: 2000, retentionMs: 600_000 }
    const { sweepEveryMs: _, forgetAt: __, ...rest } = drawn
    return { ...rest, call, sweepEveryMs: undefined, forgetAt: undefined, calmFrom: 5000, limit: 40_000 }
  }
}

/** Plays the scenario without a fault, then once per placement. Yields every report, the fault-free one first. */
export async function* everyPlacement(
  mode: Mode,
  seed: number,
): AsyncGenerator<readonly [Placement | undefined, ScheduleReport]> {
  const small = smallScenario(mode, seed)
  const points: Points = { step: 0, send: 0, effect: 0 }
  yield [undefined, await playSchedule({ seed, scenario: small, plan: () => placed(undefined, points) })]
  for (const placement of placements(points)) {
    yield [placement, await playSchedule({ seed, scenario: small, plan: () => placed(placement) })]
  }
}

function* placements(points: Points): Generator<Placement> {
  for (let nth = 1; nth <= points.step; nth++) for (const fault of STEPS) yield { at: 'step', nth, fault }
  for (let nth = 1; nth <= points.send; nth++) for (const fault of SENDS) yield { at: 'send', nth, fault }
  for (let nth = 1; nth <= points.effect; nth++) for (const fault of EFFECTS) yield { at: 'effect', nth, fault }
}

/** A plan with one fault. Counts in `points` the points that it passes. */
function placed(placement: Placement | undefined, points: Points = { step: 0, send: 0, effect: 0 }): FaultPlan {
  const passed = { step: 0, send: 0, effect: 0 }
  const here = <F>(at: Placement['at']): F | undefined => {
    points[at] = Math.max(points[at], ++passed[at])
    return placement?.at === at && placement.nth === passed[at] ? (placement.fault as F) : undefined
  }
  return { step: () => here('step'), send: () => here('send'), effect: () => here('effect') }
}
