import { operationId, RESERVED_SCOPE_MARK } from '../../core/key.ts'
import type { Verdict } from '../../messaging/inbox.ts'
import type { Judge } from './judge.ts'
import type { Scenario, SimCaller } from './scenario.ts'
import type { World } from './world.ts'

/** An ack may only be said of what is durable by now, and nothing may be put aside without cause. */
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

/** A message is put aside for what it did itself, alone, as often as the consumer was told: not for what others did. */
function judgeTries(world: World, judge: Judge, { batch, callers }: Scenario, { name, key }: SimCaller): void {
  if (batch === undefined) return
  const poison = callers.find((one) => one.key === key)?.poison
  if (poison !== undefined) world.count(`state: poison that ${poison} put aside`)
  if (poison === 'unprocessable') return
  // The first start is not counted.
  const counted = judge.known(operationId(`${RESERVED_SCOPE_MARK}lock:${key.scope}`, key.key))?.fences.size ?? 0
  if (counted + 1 < batch.maxAttempts) world.violate('A1', `${name} is put aside after ${counted + 1} starts`)
}
