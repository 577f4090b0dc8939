import { expect, it } from 'vitest'
import { type AlreadyPublishedOptions, alreadyPublished, ID_HEADER } from '../../src/messaging/kafka.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { openDesk, readAll, SOON } from './kafka-helpers.ts'

const LONG = { timeout: 180_000 }

const asks = (options: AlreadyPublishedOptions) =>
  tidily(alreadyPublished({ timeoutMs: 60_000, consumer: SOON, ...options }), (one) => one.close())

describeWith('kafka', (url) => {
  it('of a compacted topic the last record of each key is known, whoever begins to read', LONG, async () => {
    const { topic: base, kafka, admin, producer } = await openDesk(url, 1)
    const topic = `${base}-compacted`
    const settings = {
      ...{ 'cleanup.policy': 'compact', 'segment.ms': '50', 'min.cleanable.dirty.ratio': '0.001' },
      'max.compaction.lag.ms': '50',
    }
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }))
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1, configEntries }] })
    const before = asks({ kafka, topic, by: 'key' })
    expect(await before('a')).toBe(false)
    let count = 0
    const send = (key: string) => {
      const headers = { [ID_HEADER]: `${key}-${count++}` }
      return producer.send({ topic, acks: -1, messages: [{ key, value: 'x', headers }] })
    }
    for (const key of ['a', 'b', 'a', 'b']) await send(key)
    // What is still being written to is not compacted: each further record may begin another segment.
    await until('the first records are compacted away', async () => {
      await send('c')
      const [first] = await readAll(kafka, topic, 1)
      return Number(first?.offset) > 1
    })
    for (const isThere of [before, asks({ kafka, topic, by: 'key' })])
      expect([await isThere('a'), await isThere('b'), await isThere('d')]).toEqual([true, true, false])
    const byId = asks({ kafka, topic })
    expect([await byId('a-0'), await byId('a-2'), await byId(`c-${count - 1}`)]).toEqual([false, true, true])
  })
})
