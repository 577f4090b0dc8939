import { lockScope, operationId } from '../../core/key.ts'
import type { Verdict } from '../../messaging/inbox.ts'
import type { Judge } from './judge.ts'
import type { Scenario, SimCaller } from './scenario.ts'
import type { World } from './world.ts'

/** Checks a verdict: an ack requires a durable result, and nothing may be parked without cause. */
export function judgeVerdict(world: World, judge: Judge, scenario: Scenario, message: SimCaller, verdict: Verdict) {
  const known = judge.known(message.key.id)
  world.count(`verdict: ${verdict.kind}`)
  if (world.trace !== undefined) world.note(`${message.name}: verdict ${JSON.stringify(verdict)}`)
  if (verdict.kind === 'ack') {
    const values = known?.results.filter(({ result }) => result.kind === 'value') ?? []
    if (values.length === 0) world.violate('I16', `${message.name} is acked, but the store has no result of it`)
    else if (!values.some(({ fingerprint }) => fingerprint === message.fingerprint))
      world.violate('I6', `${message.name} is acked, but its payload was never handled`)
  }
  if (verdict.kind !== 'dead-letter') return
  const settledSo = known?.results.some(({ result }) => result.kind === 'error' || result.kind === 'unknown')
  const stranger = scenario.callers.some(
    ({ key, fingerprint }) => key === message.key && fingerprint !== message.fingerprint,
  )
  if (!settledSo && !stranger) world.violate('I2', `${message.name} is put aside for no reason: ${verdict.reason}`)
  if (settledSo && scenario.promises.oneStart)
    world.count(`state: started once, put aside as ${known?.result?.kind === 'unknown' ? 'unknown' : 'failed'}`)
  if (settledSo) judgeTries(world, judge, scenario, message)
}

/** Checks that a message was parked for its own failures, after as many starts as configured. */
function judgeTries(world: World, judge: Judge, { batch, callers }: Scenario, { name, key }: SimCaller): void {
  if (batch === undefined) return
  const poison = callers.find((one) => one.key === key)?.poison
  if (poison !== undefined) world.count(`state: poison that ${poison} put aside`)
  if (poison === 'unprocessable') return
  // The first start takes no fence of this lock, so it is added.
  const counted = judge.known(operationId(lockScope(key.scope), key.key))?.fences.size ?? 0
  if (counted + 1 < batch.maxAttempts) world.violate('A1', `${name} is put aside after ${counted + 1} starts`)
}
