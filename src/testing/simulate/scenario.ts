import { lockScope, operationId } from '../../core/key.ts'
import type { CallOptions } from '../../core/options.ts'
import type { Dice } from './dice.ts'
import type { Clock } from './worker.ts'

/**
 * `retry`, `hold`, `reconcile`: leased, with that policy for abandoned operations. `lock`: exclusive. `atomic`: in one
 * transaction. `inbox`: leased, fed by a broker; `at-most-once`: the same with that promise. `pipeline`: atomic inbox,
 * outbox, relays, and a topic at the end. `batch`: consumers that handle many messages in one transaction.
 */
export const MODES = [
  'retry',
  'hold',
  'reconcile',
  'lock',
  'atomic',
  'inbox',
  'at-most-once',
  'pipeline',
  'batch',
] as const
export type Mode = (typeof MODES)[number]

/** Cheaper to play, and they cover most of the engine: three quarters of all schedules. */
const LEASED_MODES = ['retry', 'hold', 'reconcile', 'lock'] as const

/** What a mode promises about its effects, beyond what all modes promise. */
export interface Promises {
  /** Never started again unless the previous start failed cleanly. */
  readonly atMostOneStart: boolean
  /** Never started again, however the previous start ended. */
  readonly oneStart: boolean
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

/** A caller that asks for an operation until it gets a definite answer. */
export interface SimCaller {
  readonly name: string
  readonly key: SimKey
  readonly fingerprint: string
  readonly firstAskAt: number
  readonly orderingKey?: string | undefined
  readonly poison?: Poison | undefined
}

/** What a message does to every handler: an error, an error that no retry helps, or the end of its process. */
export type Poison = 'throws' | 'unprocessable' | 'kills'

/** The options of the consumers in a schedule. */
export interface BatchScenario {
  readonly maxSize: number
  readonly maxWaitMs: number
  readonly concurrency: number
  readonly maxAttempts: number
  /** When a consumer is asked to stop, as for a deployment, and another one starts in its process. */
  readonly stopAt: number | undefined
}

/** Everything about a schedule that is fixed before it begins. */
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
  /** A change of the store's clock: leases and retentions end earlier or later. */
  readonly storeStep: { readonly at: number; readonly byMs: number } | undefined
  readonly notifies: boolean
  /** Some brokers accept an ack for a delivery that another consumer has got meanwhile. */
  readonly takesStaleAcks: boolean
  readonly batch: BatchScenario | undefined
  /** The number of refusals after which the relay parks a message. */
  readonly maxFailures: number | undefined
  readonly calmFrom: number
  /** The time by which everything has to be settled and quiet. */
  readonly limit: number
}

export function scenario(dice: Dice, mode: Mode = dice.pick(dice.chance(0.45) ? MODES : LEASED_MODES)): Scenario {
  const leaseMs = dice.pick([600, 1000])
  const maxRunMs = leaseMs * dice.pick([2, 3])
  const storeTimeoutMs = dice.pick([200, 300, 500])
  // A record may only expire while in use if its effect may run again anyway.
  const mayVanish = mode === 'retry' || mode === 'lock'
  const retentionMs = mayVanish && dice.chance(0.2) ? leaseMs : 600_000
  const keys = mode === 'batch' ? manyKeys(dice) : someKeys(dice, mode)
  const calmFrom = leaseMs * dice.pick([1, 2, 4])
  const effectMs = dice.pick([0, 5, 40, leaseMs * 0.7])
  const callers = mode === 'batch' ? messagesOf(dice, keys, calmFrom) : callersOf(dice, keys, calmFrom)
  const forgetAt = mayVanish && dice.chance(0.15) ? dice.between(1, calmFrom) : undefined
  const storeStep = dice.chance(forgetAt === undefined ? 0.1 : 0.5)
    ? { at: forgetAt ?? dice.between(1, calmFrom), byMs: dice.pick([-leaseMs / 2, leaseMs / 2, 2 * leaseMs]) }
    : undefined
  // A lock stores no result, so a caller that leaves before its turn would never get one.
  const turns = mode === 'lock' ? callers.length * (effectMs + 100) + maxRunMs + 2 * leaseMs : 0
  const patienceMs = turns + dice.pick([storeTimeoutMs * 2, leaseMs * 2])
  return {
    mode,
    promises: {
      atMostOneStart: mode === 'hold',
      oneStart: mode === 'at-most-once',
      oneOutsideEffect: mode === 'reconcile',
    },
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
    batch: mode === 'batch' ? batchScenario(dice, calmFrom) : undefined,
    maxFailures: mode === 'pipeline' && dice.chance(0.6) ? dice.between(1, 3) : undefined,
    calmFrom,
    limit:
      Math.max(-(storeStep?.byMs ?? 0), 0) +
      calmFrom +
      1.1 * (maxRunMs + 4 * leaseMs) +
      4 * patienceMs +
      6 * storeTimeoutMs +
      (mode === 'batch' ? CARRIED_OUT_MS : 0),
  }
}

export function isFedByBroker(mode: Mode): boolean {
  return mode === 'inbox' || mode === 'at-most-once' || mode === 'pipeline' || mode === 'batch'
}

/** Mostly one or two keys, so that their callers collide; sometimes one key in two scopes, which must not collide. */
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
    return { scope, key, id: operationId(mode === 'lock' ? lockScope(scope) : scope, key) }
  })
}

/** Messages that kill their process are tried a few times, each after a restart, before they are parked. */
const CARRIED_OUT_MS = 15_000

/** All share a scope, because one consumer reads them. */
function manyKeys(dice: Dice): readonly SimKey[] {
  const scope = `s/inbox/${CONSUMER}`
  return ['a', 'b', 'c', 'd', 'e']
    .slice(0, dice.between(2, 5))
    .map((key) => ({ scope, key, id: operationId(scope, key) }))
}

/** Most are there from the start, so that they form batches; some are published twice, with or without a change. */
function messagesOf(dice: Dice, keys: readonly SimKey[], calmFrom: number): readonly SimCaller[] {
  const conflicts = dice.chance(0.25)
  const orderingOf = dice.pick([() => undefined, () => 'one', (nth: number) => `key ${nth % 2}`])
  const poisoned = dice.chance(0.4) ? dice.below(keys.length) : -1
  const poison = dice.pick(['throws', 'unprocessable', 'kills'] as const)
  return keys.flatMap((key, index) =>
    Array.from({ length: dice.pick([1, 1, 1, 2]) }, (_, nth) => ({
      name: `message ${key.key}${nth + 1}`,
      key,
      fingerprint: conflicts && dice.chance(0.4) ? 'other' : 'payload',
      firstAskAt: dice.chance(0.8) ? dice.between(0, 10) : dice.between(0, calmFrom),
      orderingKey: orderingOf(index),
      poison: index === poisoned ? poison : undefined,
    })),
  )
}

function batchScenario(dice: Dice, calmFrom: number): BatchScenario {
  const maxSize = dice.between(2, 4)
  return {
    maxSize,
    maxWaitMs: dice.pick([0, 10, 300]),
    concurrency: maxSize * dice.pick([1, 1, 2]),
    maxAttempts: dice.pick([2, 3]),
    stopAt: dice.chance(0.3) ? dice.between(1, calmFrom) : undefined,
  }
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
