import type { Dice } from './dice.ts'

/** What happens to a process instead of its next event. */
export type StepFault =
  | { readonly kind: 'crash'; readonly downMs: number }
  /** Like SIGSTOP: nothing is lost, everything is delayed. */
  | { readonly kind: 'pause'; readonly ms: number }

/** What the network does to one request. */
export type SendFault =
  | { readonly kind: 'crash-at-send'; readonly downMs: number }
  /** `silent`: the caller gets no error; it can only time out. */
  | { readonly kind: 'lost-request'; readonly silent: boolean }
  | { readonly kind: 'lost-reply'; readonly silent: boolean }
  | { readonly kind: 'slow-request'; readonly ms: number }
  | { readonly kind: 'slow-reply'; readonly ms: number }
  /** A copy of the request arrives later, when nobody waits for its answer. */
  | { readonly kind: 'sent-again'; readonly ms: number }

/** What the user's effect does wrong. */
export type EffectFault =
  | { readonly kind: 'throws-before' }
  /** The outside world is changed before it throws. */
  | { readonly kind: 'throws-after' }
  | { readonly kind: 'hangs' }
  | { readonly kind: 'hangs-until-aborted' }
  | { readonly kind: 'slow'; readonly ms: number }

/** Decides at every fault point whether a fault happens there. */
export interface FaultPlan {
  step(): StepFault | undefined
  send(verb: string): SendFault | undefined
  effect(): EffectFault | undefined
}

export const NO_FAULTS: FaultPlan = { step: () => undefined, send: () => undefined, effect: () => undefined }

export type FaultKind = StepFault['kind'] | SendFault['kind'] | EffectFault['kind']

/** The probability of each kind at each of its points. Every seed has its own mixture, without most of the kinds. */
export type Mixture = Readonly<Record<FaultKind, number>>

const LIKELIEST: Mixture = {
  crash: 0.08,
  pause: 0.1,
  'crash-at-send': 0.12,
  'lost-request': 0.3,
  'lost-reply': 0.35,
  'slow-request': 0.2,
  'slow-reply': 0.25,
  'sent-again': 0.3,
  'throws-before': 0.4,
  'throws-after': 0.4,
  hangs: 0.3,
  'hangs-until-aborted': 0.3,
  slow: 0.5,
}

export function mixture(dice: Dice): Mixture {
  const loud = dice.pick([0.15, 0.4, 0.4, 0.7])
  const chosen = Object.entries(LIKELIEST).map(([kind, most]) => [kind, dice.chance(loud) ? most * dice.float() : 0])
  return Object.fromEntries(chosen) as Mixture
}

/** Draws a fault at every point. Long faults are measured in leases, because they are meant to outlast them. */
export function randomFaults(dice: Dice, mix: Mixture, leaseMs: number): FaultPlan {
  const upTo = (leases: number) => Math.round(dice.float() * leases * leaseMs)
  return {
    step() {
      if (dice.chance(mix.crash)) return { kind: 'crash', downMs: upTo(1.5) }
      if (dice.chance(mix.pause)) return { kind: 'pause', ms: upTo(dice.pick([0.3, 1.5, 4])) }
      return undefined
    },
    send() {
      if (dice.chance(mix['crash-at-send'])) return { kind: 'crash-at-send', downMs: upTo(1.5) }
      if (dice.chance(mix['lost-request'])) return { kind: 'lost-request', silent: dice.chance(0.5) }
      if (dice.chance(mix['lost-reply'])) return { kind: 'lost-reply', silent: dice.chance(0.5) }
      if (dice.chance(mix['slow-request'])) return { kind: 'slow-request', ms: upTo(dice.pick([0.2, 2])) }
      if (dice.chance(mix['slow-reply'])) return { kind: 'slow-reply', ms: upTo(dice.pick([0.2, 2])) }
      if (dice.chance(mix['sent-again'])) return { kind: 'sent-again', ms: upTo(dice.pick([0.1, 3])) }
      return undefined
    },
    effect() {
      if (dice.chance(mix['throws-before'])) return { kind: 'throws-before' }
      if (dice.chance(mix['throws-after'])) return { kind: 'throws-after' }
      if (dice.chance(mix.hangs)) return { kind: 'hangs' }
      if (dice.chance(mix['hangs-until-aborted'])) return { kind: 'hangs-until-aborted' }
      if (dice.chance(mix.slow)) return { kind: 'slow', ms: upTo(3) }
      return undefined
    },
  }
}
