import { expect, it } from 'vitest'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import type { KafkaBatchPayload, KafkaClient } from './client.ts'
import { transform } from './transform.ts'
import type { TransformEvent } from './transform-options.ts'

/** A transform that was given partition 0 of `t`, and what it is handed. */
async function started(events: TransformEvent[]) {
  const listeners = new Map<string, (event: { readonly payload: unknown }) => void>()
  let eachBatch: (payload: KafkaBatchPayload) => Promise<void> = async () => {}
  const done = async () => {}
  const transaction = { send: done, sendOffsets: done, commit: done, abort: done }
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
  const options = { topic: 't', groupId: 'g', transactionalId: 'g', handle: () => [] }
  const onEvent = (event: TransformEvent) => void events.push(event)
  const running = transform({ ...options, kafka: kafka as unknown as KafkaClient, onEvent, runtime })
  await runtime.advance(0)
  listeners.get('consumer.group_join')?.({ payload: { memberAssignment: { t: [0] } } })
  const record = { key: null, value: null, timestamp: '-1', offset: '0' }
  const ends = { firstOffset: () => '0', lastOffset: () => '0' }
  const batch = { topic: 't', partition: 0, highWatermark: '1', fetchedOffset: '0', messages: [record], ...ends }
  return {
    running,
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
