import { onlyonce } from '../src/core/engine.ts'
import type { EngineOptions } from '../src/core/options.ts'
import type { PublishResult } from '../src/core/publisher.ts'
import type { OutboxMessage } from '../src/core/store.ts'
import { type PublishOnceOptions, publishOnce } from '../src/outbox/outbox.ts'
import { memoryStore } from '../src/stores/memory/index.ts'
import { fakeRuntime } from '../src/testing/fake-runtime.ts'

type Answer = PublishResult | 'throw' | 'silence' | 'nothing'
export const OK: PublishResult = { ok: true }
export const paid = { topic: 'order-paid', body: { order: '1100' }, orderingKey: 'order:1100', headers: { a: 'b' } }

/** A broker that keeps what it accepts, and answers as scripted; the last answer is repeated for ever. */
export function setup(answers: readonly Answer[] = [OK], engine: Partial<EngineOptions> = {}) {
  const runtime = fakeRuntime()
  const store = memoryStore({ runtime })
  const once = onlyonce({ store, scope: 'shop', runtime, ...engine })
  const sent: OutboxMessage[] = []
  let calls = 0
  const publish: PublishOnceOptions['publish'] = async (batch) => {
    sent.push(...batch)
    const answer = answers[Math.min(calls++, answers.length - 1)] as Answer
    if (answer === 'throw') throw new Error('connection reset')
    if (answer === 'silence') return new Promise(() => {})
    return answer === 'nothing' ? [] : [answer]
  }
  const state = (given: Partial<PublishOnceOptions> = {}) => publishOnce({ once, publish, ...given })
  const judging = (given: Partial<PublishOnceOptions> = {}) =>
    publishOnce({ publish, scope: 'shop', runtime, alreadyPublished: () => false, ...given })
  return { runtime, store, once, sent, publish, state, judging }
}
