import { expect, it } from 'vitest'
import { publisher, type TransformEvent, transform } from '../../src/messaging/kafka.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { openDesk, readAll, SOON } from './kafka-helpers.ts'
import { names } from './ledger.ts'

const LONG = { timeout: 90_000 }

describeWith('kafka', (url) => {
  it('no output is lost when its topic gets more partitions', LONG, async () => {
    const { topic, kafka, admin, publish } = await openDesk(url, 1)
    const out = `${topic}-out`
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: out, numPartitions: 1 }] })
    const events: TransformEvent[] = []
    const options = { kafka, topic, groupId: out, transactionalId: out, consumer: SOON }
    const handle = ({ id }: { id: string }) => [{ topic: out, body: id, key: id }]
    const running = tidily(transform({ ...options, handle, onEvent: (event) => void events.push(event) }), (one) =>
      one.stop(),
    )
    const committed = () => events.reduce((sum, event) => sum + (event.type === 'committed' ? event.inputs : 0), 0)
    await publish(names('a', 5))
    await until('the producer knows one partition', () => committed() === 5)
    await admin.createPartitions({ topicPartitions: [{ topic: out, count: 6 }] })
    await publish(names('b', 30))
    await until('all is committed', () => committed() === 35)
    await running.stop()
    const outputs = (await readAll(kafka, out, 35)).map(({ value }) => String(value))
    expect(outputs.toSorted()).toEqual([...names('a', 5), ...names('b', 30)].toSorted())
  })
  it('no message is lost when its topic gets more partitions', LONG, async () => {
    const { topic, kafka, admin } = await openDesk(url, 1)
    const producer = () => kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    const messages = (...ids: readonly string[]) => ids.map((id) => ({ id, topic, body: Buffer.from(id), headers: {} }))
    const first = tidily(publisher({ producer, kafka }), (one) => one.close())
    expect(await first(messages('a'))).toEqual([{ ok: true }])
    await admin.createPartitions({ topicPartitions: [{ topic, count: 6 }] })
    // One that knows of the new ones and one that does not.
    const second = tidily(publisher({ producer, kafka }), (one) => one.close())
    for (const [name, publish] of Object.entries({ first, second })) {
      const results = await publish(messages(...names(name, 30)))
      expect(results).toEqual(results.map(() => ({ ok: true })))
    }
    const stored = (await readAll(kafka, topic, 61)).map(({ value }) => String(value))
    expect(stored.toSorted()).toEqual(['a', ...names('first', 30), ...names('second', 30)].toSorted())
    const ends = await admin.fetchTopicOffsets(topic)
    expect(ends.filter(({ high }) => Number(high) > 0)).toHaveLength(6)
  })

  it('a producer that does not know a partition leaves nothing unanswered', LONG, async () => {
    const { topic, kafka, admin, producer } = await openDesk(url, 1)
    await producer.send({ topic, acks: -1, messages: [{ key: 'a', value: 'a' }] })
    await admin.createPartitions({ topicPartitions: [{ topic, count: 6 }] })
    const publish = tidily(publisher({ producer, kafka }), (one) => one.close())
    const all = names('b', 30).map((id) => ({ id, topic, body: Buffer.from(id), headers: {} }))
    const results = await publish(all)
    const sent = all.filter((_, i) => results[i]?.ok).map(({ id }) => id)
    expect(results.filter(({ ok }) => !ok).map(({ ok, ...why }) => why)).toContainEqual({
      ...{ reason: expect.stringMatching(/has left out the records for/), unknown: true },
    })
    const stored = (await readAll(kafka, topic, sent.length + 1)).map(({ value }) => String(value))
    expect(stored.toSorted()).toEqual(['a', ...sent].toSorted())
  })
})
