import { operationId, RESERVED_SCOPE_MARK } from '../../core/key.ts'
import type { CallOptions } from '../../core/options.ts'
import type { Dice } from './dice.ts'
import type { Clock } from './worker.ts'

/**
 * `retry`, `hold`, `reconcile`: leased, by what happens to an abandoned operation. `lock`: exclusive. `atomic`: in one
 * transaction. `inbox`: leased, fed by a broker. `pipeline`: atomic inbox, outbox, relays, and a topic at the end.
 */
export const MODES = ['retry', 'hold', 'reconcile', 'lock', 'atomic', 'inbox', 'pipeline'] as const
export type Mode = (typeof MODES)[number]

/** Shorter, and where most of the engine is: half of all schedules. */
const LEASED_MODES = ['retry', 'hold', 'reconcile', 'lock'] as const

/** What a mode promises about its effects, beyond what every mode does. */
export interface Promises {
  /** Never started again unless the start before failed cleanly. */
  readonly atMostOneStart: boolean
  /** The outside world is changed once, because it can be asked and refuses stale fences. */
  readonly oneOutsideEffect: boolean
}

/** The name of every simulated inbox. */
export const CONSUMER = 'consumer'

export interface SimKey {
  readonly scope: string
  readonly key: string
  readonly id: string
}

/** Somebody who asks for an operation until the answer is definite. */
export interface SimCaller {
  readonly name: string
  readonly key: SimKey
  readonly fingerprint: string
  readonly firstAskAt: number
}

/** Everything about a schedule that is decided before it begins. */
export interface Scenario {
  readonly mode: Mode
  readonly promises: Promises
  readonly workers: readonly Clock[]
  readonly keys: readonly SimKey[]
  readonly callers: readonly SimCaller[]
  readonly call: CallOptions & { readonly leaseMs: number; readonly maxRunMs: number; readonly retentionMs: number }
  readonly storeTimeoutMs: number
  /** How long a caller waits for an answer before it asks again, perhaps somewhere else. */
  readonly patienceMs: number
  readonly steps: number
  readonly effectMs: number
  readonly sweepEveryMs: number | undefined
  readonly forgetAt: number | undefined
  /** The store's own clock is set: leases and retentions end sooner, or later. */
  readonly storeStep: { readonly at: number; readonly byMs: number } | undefined
  readonly notifies: boolean
  /** Some brokers take an ack of a delivery that they have given to somebody else meanwhile. */
  readonly takesStaleAcks: boolean
  readonly calmFrom: number
  /** By then everything has to be settled and quiet. */
  readonly limit: number
}

export function scenario(dice: Dice, mode: Mode = dice.pick(dice.chance(0.5) ? MODES : LEASED_MODES)): Scenario {
  const leaseMs = dice.pick([600, 1000])
  const maxRunMs = leaseMs * dice.pick([2, 3])
  const storeTimeoutMs = dice.pick([200, 300, 500])
  // Only where an effect may run again anyway may its record vanish while it is in use.
  const mayVanish = mode === 'retry' || mode === 'lock'
  const retentionMs = mayVanish && dice.chance(0.2) ? leaseMs : 600_000
  const keys = someKeys(dice, mode)
  const calmFrom = leaseMs * dice.pick([1, 2, 4])
  const effectMs = dice.pick([0, 5, 40, leaseMs * 0.7])
  const callers = callersOf(dice, keys, calmFrom)
  const forgetAt = mayVanish && dice.chance(0.15) ? dice.between(1, calmFrom) : undefined
  const storeStep = dice.chance(forgetAt === undefined ? 0.1 : 0.5)
    ? { at: forgetAt ?? dice.between(1, calmFrom), byMs: dice.pick([-leaseMs / 2, leaseMs / 2, 2 * leaseMs]) }
    : undefined
  // A lock remembers nothing, so a caller that leaves before its turn would never have one.
  const turns = mode === 'lock' ? callers.length * (effectMs + 100) + maxRunMs + 2 * leaseMs : 0
  const patienceMs = turns + dice.pick([storeTimeoutMs * 2, leaseMs * 2])
  return {
    mode,
    promises: { atMostOneStart: mode === 'hold', oneOutsideEffect: mode === 'reconcile' },
    workers: Array.from({ length: dice.between(1, 3) }, () => clock(dice)),
    keys,
    callers,
    call: {
      leaseMs,
      maxRunMs,
      retentionMs,
      waitMs: dice.pick([50, leaseMs * 2]),
      onInFlight: dice.pick(['reject', 'wait'] as const),
      onThrow: mode !== 'lock' && dice.chance(0.3) ? 'remember' : 'release',
    },
    storeTimeoutMs,
    patienceMs,
    steps: mode === 'retry' && dice.chance(0.4) ? dice.between(1, 3) : 0,
    effectMs,
    sweepEveryMs: dice.chance(0.4) ? dice.between(leaseMs / 2, leaseMs * 2) : undefined,
    forgetAt,
    storeStep,
    notifies: dice.chance(0.5),
    takesStaleAcks: dice.chance(0.5),
    calmFrom,
    limit:
      Math.max(-(storeStep?.byMs ?? 0), 0) +
      calmFrom +
      1.1 * (maxRunMs + 4 * leaseMs) +
      4 * patienceMs +
      6 * storeTimeoutMs,
  }
}

export function isFedByBroker(mode: Mode): boolean {
  return mode === 'inbox' || mode === 'pipeline'
}

/** Mostly one or two keys, so that their callers meet; sometimes the same key in two scopes, so that they must not. */
function someKeys(dice: Dice, mode: Mode): readonly SimKey[] {
  const names = dice.pick([
    [['s', 'a']],
    [['s', 'a']],
    [
      ['s', 'a'],
      ['t', 'a'],
    ],
    [
      ['s', 'a'],
      ['s', 'b'],
    ],
    [
      ['s', 'ab'],
      ['sa', 'b'],
      ['s', 'a'],
    ],
  ])
  return names.map(([name = '', key = '']) => {
    const scope = isFedByBroker(mode) ? `${name}/inbox/${CONSUMER}` : name
    const prefix = mode === 'lock' ? `${RESERVED_SCOPE_MARK}lock:` : ''
    return { scope, key, id: operationId(prefix + scope, key) }
  })
}

function callersOf(dice: Dice, keys: readonly SimKey[], calmFrom: number): readonly SimCaller[] {
  const conflicts = dice.chance(0.25)
  return keys.flatMap((key, index) =>
    Array.from({ length: dice.pick([1, 1, 2, 2, 3]) }, (_, nth) => ({
      name: `caller ${index}${'abc'[nth]}`,
      key,
      fingerprint: conflicts && dice.chance(0.4) ? 'other' : 'payload',
      firstAskAt: dice.chance(0.6) ? dice.between(0, 10) : dice.between(0, calmFrom),
    })),
  )
}

function clock(dice: Dice): Clock {
  return {
    skewMs: dice.chance(0.3) ? dice.between(-3_600_000, 3_600_000) : 0,
    rate: dice.chance(0.3) ? 0.95 + dice.float() / 10 : 1,
    step: dice.chance(0.2)
      ? { everyMs: dice.between(100, 2000), byMs: dice.pick([-3_600_000, -1000, 1000, 3_600_000]) }
      : undefined,
  }
}
