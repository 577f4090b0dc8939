import type { AtomicEffect, Effect, Operation } from '../../core/once.ts'
import type { AbandonedPolicy } from '../../core/options.ts'
import { type Message, Unprocessable } from '../../messaging/message.ts'
import { nameOf } from './answers.ts'
import type { SimTx } from './database-client.ts'
import type { EffectFault } from './faults.ts'
import type { Ledger, Run } from './ledger.ts'
import type { Outside } from './outside.ts'
import type { Scenario, SimCaller } from './scenario.ts'
import { overTheWire } from './wire.ts'
import type { Life } from './worker.ts'

/** What effects need from their schedule. */
export interface EffectSite {
  readonly scenario: Scenario
  readonly ledger: Ledger
  readonly outside: Outside
}

/** Thrown by effects on purpose. */
export class EffectFailed extends Error {}

/** The effect of one call in its process: steps, duration, a change of the outside world, and faults. */
export function leasedEffect(
  life: Life,
  { scenario, ledger, outside }: EffectSite,
  caller: SimCaller,
): Effect<unknown> {
  return async (op) => {
    const run = ledger.started(life, caller.key.id, op, caller.fingerprint)
    const fault = effectFault(life)
    try {
      if (fault?.kind === 'throws-before') throw new EffectFailed('thrown on purpose')
      for (let step = 1; step <= scenario.steps; step++) await runStep(life, ledger, run, op, `step ${step}`)
      await inconvenience(life, op, fault)
      if (scenario.effectMs > 0) await pause(life, scenario.effectMs)
      const value = { of: nameOf(caller.key), fence: op.fence, by: life.name }
      await changeOutside(life, scenario, outside, run, value)
      if (fault?.kind === 'throws-after' && !scenario.promises.oneOutsideEffect)
        throw new EffectFailed('thrown on purpose, too late')
      ledger.ended(run, 'value')
      return value
    } catch (error) {
      ledger.ended(run, 'throw')
      throw error
    }
  }
}

/** An effect that only changes the database that holds its record; `also` adds messages to the outbox. */
export function atomicEffect(
  life: Life,
  scenario: Scenario,
  caller: SimCaller,
  also?: (tx: SimTx, op: Operation) => Promise<unknown>,
): AtomicEffect<SimTx, unknown> {
  const { world } = life.worker
  return async (tx, op) => {
    world.count('effects')
    if (world.trace !== undefined) world.note(`${life.name} EFFECT of ${caller.key.id.slice(0, 8)} in a transaction`)
    const fault = effectFault(life)
    if (fault?.kind === 'throws-before') throw new EffectFailed('thrown on purpose')
    await tx.write({ id: caller.key.id, fence: op.fence })
    await also?.(tx, op)
    await inconvenience(life, op, fault)
    if (scenario.effectMs > 0) await pause(life, scenario.effectMs)
    if (fault?.kind === 'throws-after') throw new EffectFailed('thrown on purpose, too late')
    return world.dice.chance(0.3) ? undefined : { of: nameOf(caller.key), fence: op.fence, by: life.name }
  }
}

/** The same for many messages: each writes its row; poison throws after the rows before it were written. */
export function batchEffect(life: Life, scenario: Scenario, callers: readonly SimCaller[]) {
  const { world } = life.worker
  let failed: ReadonlySet<string> = new Set()
  return async (messages: readonly Message[], tx: SimTx, ops: readonly Operation[]): Promise<void> => {
    world.count('effects')
    const ids = messages.map(({ id }) => id)
    if (world.trace !== undefined) world.note(`${life.name} EFFECT of ${ids.join(', ')} in a transaction`)
    if (failed.size > ids.length && ids.every((id) => failed.has(id)))
      world.count(ids.length > 1 ? 'state: part of a failed batch' : 'state: alone after a failed batch')
    if (ids.length > 1) failed = new Set(ids)
    const fault = effectFault(life)
    if (fault?.kind === 'throws-before') throw new EffectFailed('thrown on purpose')
    for (const [index, op] of ops.entries()) {
      const message = callers.find(({ name }) => ids[index]?.endsWith(`/${name}`)) as SimCaller
      await tx.write({ id: message.key.id, fence: op.fence })
      await poisoned(life, message)
    }
    await inconvenience(life, ops[0] as Operation, fault)
    if (scenario.effectMs > 0) await pause(life, scenario.effectMs)
    if (fault?.kind === 'throws-after') throw new EffectFailed('thrown on purpose, too late')
    failed = new Set()
  }
}

async function poisoned(life: Life, { poison }: SimCaller): Promise<void> {
  if (poison === 'throws') throw new EffectFailed('it always throws')
  if (poison === 'unprocessable') throw new Unprocessable('nobody can handle it')
  if (poison !== 'kills') return
  life.worker.crash(life.worker.world.dice.between(20, 200))
  await new Promise(() => {})
}

function effectFault(life: Life): EffectFault | undefined {
  const { world } = life.worker
  const fault = world.plan.effect()
  if (fault !== undefined) {
    world.count(`fault: effect ${fault.kind}`)
    if (world.trace !== undefined) world.note(`${life.name} EFFECT FAULT ${JSON.stringify(fault)}`)
  }
  return fault
}

/** The mode's policy for an abandoned operation; `reconcile` asks the outside world, over the same bad network. */
export function abandonedPolicy(life: Life, { mode, keys }: Scenario, outside: Outside): AbandonedPolicy {
  if (mode === 'hold') return 'hold'
  if (mode !== 'reconcile') return 'retry'
  return async ({ scope, key, fence }) => {
    const id = keys.find((one) => one.scope === scope && one.key === key)?.id ?? ''
    return overTheWire(life, 'ask outside', async () => outside.ask(id, fence))
  }
}

async function runStep(life: Life, ledger: Ledger, run: Run, op: Operation, name: string): Promise<void> {
  const { world } = life.worker
  let ran = false
  const value = await op.step(name, async () => {
    ran = true
    ledger.stepRuns(run, name)
    await pause(life, world.dice.between(0, 20))
    return `${name} by ${op.fence}`
  })
  if (!ran) world.count('state: step replayed')
  if (typeof value !== 'string' || !value.startsWith(`${name} by `)) world.violate('I5', `${name} answered ${value}`)
  ledger.stepSaved(run, name)
}

async function inconvenience(life: Life, op: Operation, fault: EffectFault | undefined): Promise<void> {
  if (fault?.kind === 'slow') return pause(life, fault.ms)
  if (fault?.kind === 'hangs') return new Promise(() => {})
  if (fault?.kind === 'hangs-until-aborted') {
    // Read only here: creating the signal costs more than the rest of the operation.
    const { signal } = op
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        life.worker.world.count('state: effect stopped by its signal')
        reject(signal.reason)
      })
    })
  }
}

async function changeOutside(
  life: Life,
  scenario: Scenario,
  outside: Outside,
  run: Run,
  value: unknown,
): Promise<void> {
  const change = async () => outside.does(run, value)
  const answer = scenario.promises.oneOutsideEffect ? await untilAnswered(life, change) : await change()
  if (answer === 'stale') throw new EffectFailed('the outside world has heard of a newer owner')
}

/** Throwing means that nothing happened, so an effect that does not know asks again. */
async function untilAnswered<T>(life: Life, change: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await overTheWire(life, 'outside', change)
    } catch {
      await pause(life, 20)
    }
  }
}

function pause(life: Life, ms: number): Promise<void> {
  return new Promise((resolve) => void life.worker.world.after(ms, 'effect goes on', resolve, life))
}
