import { expect, it } from 'vitest'
import { fakeRuntime } from '../../testing/fake-runtime.ts'
import type { KafkaBatchPayload, KafkaClient } from './client.ts'
import { keepConsuming } from './link.ts'
import { checkedSource } from './options.ts'

it('pauses again what the client fetches after the end of taking', async () => {
  const done = async () => {}
  const paused: string[] = []
  let eachBatch: (payload: KafkaBatchPayload) => Promise<void> = done
  const kafka = {
    consumer: () => ({
      ...{ connect: done, disconnect: done, subscribe: done, on() {} },
      pause: (places: { topic: string; partitions?: number[] }[]) =>
        void paused.push(...places.map(({ topic, partitions = 'all' }) => `${topic} ${partitions}`)),
      run: async (config: { eachBatch: typeof eachBatch }) => {
        eachBatch = config.eachBatch
      },
    }),
    producer() {},
    admin: () => ({ connect: done, disconnect: done, listTopics: async () => ['t.dead', 'u.dead'] }),
  } as unknown as KafkaClient
  const runtime = fakeRuntime()
  let taken = 0
  const session = { begin() {}, farewell() {}, end() {}, finish: done, take: async () => void taken++ }
  const place = { groupId: 'g', fromBeginning: true, order: 'key', declare: true, consumer: {} }
  const link = keepConsuming(checkedSource({ kafka, topic: ['t', 'u'], ...place }), runtime, {
    open: () => session,
    onRetention() {},
    onFailure() {},
  })
  await runtime.advance(0)
  await eachBatch({} as never)
  expect([taken, paused]).toEqual([1, []])
  link.cancel()
  paused.length = 0
  await eachBatch({} as never)
  expect([taken, paused]).toEqual([1, ['t all', 'u all']])
  await link.close()
})
