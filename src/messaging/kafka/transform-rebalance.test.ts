import { expect, it } from 'vitest'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import type { KafkaBatchPayload, KafkaClient } from './client.ts'
import { transform } from './transform.ts'
import type { TransformEvent, TransformOptions } from './transform-options.ts'

/** A transform that was given partition 0 of `t`, and what it is handed. */
async function started(events: TransformEvent[], handle: TransformOptions['handle'] = () => [], send = async () => {}) {
  const listeners = new Map<string, (event: { readonly payload: unknown }) => void>()
  let eachBatch: (payload: KafkaBatchPayload) => Promise<void> = async () => {}
  const done = async () => {}
  const transaction = { send, sendOffsets: done, commit: done, abort: done }
  const kafka = {
    consumer: () => ({
      ...{ connect: done, disconnect: done, subscribe: done },
      on: (name: string, listener: (event: { readonly payload: unknown }) => void) => listeners.set(name, listener),
      run: async (config: { eachBatch: typeof eachBatch }) => {
        eachBatch = config.eachBatch
      },
    }),
    producer: () => ({ connect: done, disconnect: done, transaction: async () => transaction }),
    admin: () => ({
      ...{ connect: done, disconnect: done },
      listTopics: async () => ['t.dead'],
      describeConfigs: async () => ({ resources: [] }),
      fetchOffsets: async () => [],
    }),
  }
  const runtime = fakeRuntime()
  const options = { topic: 't', groupId: 'g', transactionalId: 'g', handle, maxAttempts: 1 }
  const onEvent = (event: TransformEvent) => void events.push(event)
  const running = transform({ ...options, kafka: kafka as unknown as KafkaClient, onEvent, runtime })
  await runtime.advance(0)
  listeners.get('consumer.group_join')?.({ payload: { memberAssignment: { t: [0] } } })
  const record = { key: null, value: null, timestamp: '-1', offset: '0' }
  const ends = { firstOffset: () => '0', lastOffset: () => '0' }
  const batch = { topic: 't', partition: 0, highWatermark: '1', fetchedOffset: '0', messages: [record], ...ends }
  return {
    ...{ running, runtime },
    rebalance: () => listeners.get('consumer.rebalancing')?.({ payload: {} }),
    hand: (heartbeat: () => Promise<void>) => {
      const payload = { batch, resolveOffset() {}, heartbeat, commitOffsetsIfNecessary: done }
      return eachBatch(payload)
    },
  }
}

it.each(['REBALANCE_IN_PROGRESS', 'NETWORK_EXCEPTION'])(
  'a heartbeat that is refused after a commit (%s) aborted nothing',
  async (type) => {
    const events: TransformEvent[] = []
    const { running, hand } = await started(events)
    const refused = Object.assign(new Error('no'), { type })
    const handed = hand(() => Promise.reject(refused))
    // Without a pause when it is the group that speaks: it waits for this member.
    if (type === 'REBALANCE_IN_PROGRESS') await expect(handed).rejects.toBe(refused)
    else handed.catch(() => {})
    await new Promise(setImmediate)
    expect(events).toEqual([{ type: 'committed', topic: 't', partition: 0, inputs: 1 }])
    await running.stop()
  },
)

it('a handler that fails after its partition was given away puts nothing aside', async () => {
  const events: TransformEvent[] = []
  let fail = (_: Error) => {}
  const handled = new Promise<never>((_, reject) => {
    fail = reject
  })
  const { running, runtime, rebalance, hand } = await started(events, () => handled)
  const refused = Object.assign(new Error('no'), { type: 'REBALANCE_IN_PROGRESS' })
  const handed = hand(() => Promise.reject(refused))
  handed.catch(() => {})
  await runtime.advance(1_000)
  await expect(handed).rejects.toBe(refused)
  rebalance()
  fail(new Error('too late'))
  await new Promise(setImmediate)
  expect(events).toEqual([])
  await running.stop()
})

it('tells that a message was put aside when that is committed', async () => {
  const events: TransformEvent[] = []
  const full = [new Error('no room')]
  const send = async () => {
    for (const error of full.splice(0)) throw error
  }
  const handle = () => {
    throw new Error('never works')
  }
  const { running, runtime, hand } = await started(events, handle, send)
  const refused = hand(async () => {})
  refused.catch(() => {})
  await runtime.advance(1_000)
  await expect(refused).rejects.toThrow('no room')
  await hand(async () => {})
  expect(events.map(({ type }) => type)).toEqual(['aborted', 'parked', 'committed'])
  await running.stop()
})
