import { OnlyonceError } from '../../core/errors.ts'
import type { Outcome } from '../../core/once.ts'
import { atomicEffect, EffectFailed, leasedEffect } from './effects.ts'
import type { SimCaller } from './scenario.ts'
import { awake, type Process, type Site } from './site.ts'

/** Codes after which a caller asks again. Any other error of the engine is a defect. */
const ASK_AGAIN: ReadonlySet<string> = new Set(['STORE_UNAVAILABLE', 'LEASE_LOST', 'OUTCOME_UNKNOWN', 'IN_FLIGHT'])

/**
 * Starts a caller that asks any process until it gets a definite answer. It also asks again when no answer came within
 * its patience, or when the answer was lost: those are the duplicates.
 */
export function startCaller(site: Site, caller: SimCaller, definite: (caller: SimCaller) => void): void {
  const { world, scenario } = site
  let over = false

  const askIn = (ms: number) => void world.after(ms, `${caller.name} asks`, ask)

  function ask(): void {
    if (over) return
    const life = awake(site)
    if (life === undefined) {
      askIn(world.dice.between(100, 300))
      return
    }
    let answered = false
    const patience = world.after(scenario.patienceMs, `${caller.name} loses patience`, () => {
      answered = true
      world.count('state: asked again without an answer')
      ask()
    })
    void askEngine(site, site.process(life), caller).then((again) => {
      if (answered || over) return
      if (world.plan.send('answer')?.kind === 'lost-reply') return world.count('fault: duplicate call')
      answered = true
      patience.cancelled = true
      if (again !== undefined) return askIn(again)
      over = true
      definite(caller)
    })
  }

  askIn(caller.firstAskAt)
}

/** Calls the engine once. Returns the delay before the next call, or `undefined` when the answer is definite. */
async function askEngine(site: Site, process: Process, caller: SimCaller): Promise<number | undefined> {
  const { world, answers, scenario } = site
  const { life } = process
  try {
    const outcome = await callEngine(site, process, caller)
    if (world.trace !== undefined) world.note(`${life.name} answers ${caller.name}: ${outcome.kind}`)
    answers.told(caller, outcome)
    switch (outcome.kind) {
      case 'in-flight':
        return busyFor(site, outcome.retryAfterMs)
      case 'failed':
        if (outcome.replayed || scenario.call.onThrow === 'remember') return undefined
        return world.dice.between(1, 50)
      default:
        return undefined
    }
  } catch (error) {
    const code = OnlyonceError.is(error) ? error.code : error instanceof EffectFailed ? 'effect failed' : String(error)
    if (world.trace !== undefined) world.note(`${life.name} answers ${caller.name}: ${code}`)
    world.count(`answer: ${code}`)
    if (OnlyonceError.is(error) && error.code === 'KEY_REUSED') return undefined
    if (OnlyonceError.is(error) && error.retryAfterMs !== undefined) return busyFor(site, error.retryAfterMs)
    if (!ASK_AGAIN.has(code) && code !== 'effect failed') {
      world.violate('I24', `${caller.name} was answered with an error that nobody promised: ${code}`)
    }
    return world.dice.between(1, 50)
  }
}

/** Returns a delay that ends before the other lease does, and sometimes right after it. */
function busyFor({ world: { dice } }: Site, retryAfterMs: number): number {
  return Math.max(50, retryAfterMs * dice.pick([0.5, 1, 1])) + dice.between(0, 5)
}

async function callEngine(site: Site, process: Process, caller: SimCaller): Promise<Outcome<unknown>> {
  const { scenario } = site
  const { once, life } = process
  const { scope, key } = caller.key
  const named = { scope, key, fingerprint: caller.fingerprint }
  const { atomic } = process
  if (atomic !== undefined) return atomic.atomic.attempt(named, atomicEffect(life, scenario, caller))
  const effect = leasedEffect(life, site, caller)
  if (scenario.mode === 'lock') {
    let fence = 0
    const value = await once.exclusive(named, (op) => {
      fence = op.fence
      return effect(op)
    })
    return { kind: 'executed', value, attempt: 1, fence }
  }
  return once.attempt(named, effect)
}
