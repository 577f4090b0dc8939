import { expect, it } from 'vitest'
import { deadTopic, type Output, type TransformEvent, transform } from '../../src/messaging/kafka.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { openDesk, readAll, SOON } from './kafka-helpers.ts'
import { names } from './ledger.ts'

const LONG = { timeout: 120_000 }

describeWith('kafka', (url) => {
  async function openPlant() {
    const desk = await openDesk(url, 1)
    const { topic, kafka, admin } = desk
    const out = `${topic}-out`
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: out, numPartitions: 1 }] })
    const events: TransformEvent[] = []
    const onEvent = (event: TransformEvent) => void events.push(event)
    const options = { kafka, topic, groupId: out, transactionalId: out, consumer: SOON, onEvent }
    const committed = () => events.reduce((sum, event) => sum + (event.type === 'committed' ? event.inputs : 0), 0)
    return { ...desk, out, events, options, committed }
  }

  it('inputs without outputs follow one another, and none is handled twice', LONG, async () => {
    const { publish, events, options, committed } = await openPlant()
    const ids = names('m', 30)
    await publish(ids)
    const handled: string[] = []
    const handle = ({ id }: { id: string }) => {
      handled.push(id)
      return []
    }
    const running = tidily(transform({ ...options, batchSize: 1, handle }), (one) => one.stop())
    await until('all is committed', () => committed() === ids.length)
    await running.stop()
    expect(events.filter(({ type }) => type === 'aborted')).toEqual([])
    expect(handled).toEqual(ids)
  })

  it('what is no output fails its input alone', LONG, async () => {
    const { topic, kafka, out, publish, options, committed } = await openPlant()
    const outputs: Record<string, unknown> = {
      good: [{ topic: out, body: 'good', key: 'k', headers: { a: 'b', left: undefined } }],
      nothing: undefined,
      one: { topic: out, body: 'one' },
      topic: [{ topic: undefined, body: '' }],
      name: [{ topic: 'to whom', body: '' }],
      body: [{ topic: out, body: { a: 1 } }],
      key: [{ topic: out, body: '', key: 5 }],
      id: [{ topic: out, body: '', id: 5 }],
      headers: [{ topic: out, body: '', headers: { a: 5 } }],
      header: [{ topic: out, body: '', headers: { a: null } }],
      last: [{ topic: out, body: Buffer.from('last') }],
    }
    await publish(Object.keys(outputs))
    const handle = ({ id }: { id: string }) => outputs[id] as readonly Output[]
    tidily(transform({ ...options, maxAttempts: 2, backoffMs: 5, handle }), (one) => one.stop())
    await until('all is committed', () => committed() === Object.keys(outputs).length)
    const parked = (await readAll(kafka, deadTopic(topic), 9)).map(({ headers }) => [
      String(headers?.['onlyonce-id']),
      String(headers?.['onlyonce-reason']),
    ])
    expect(Object.fromEntries(parked)).toEqual({
      nothing: 'the handler returned undefined: it has to return a list of outputs',
      one: 'the handler returned an object: it has to return a list of outputs',
      topic: 'output 0 needs a `topic` that Kafka allows; got undefined',
      name: 'output 0 needs a `topic` that Kafka allows; got "to whom"',
      body: 'output 0 needs a `body` of text or bytes; got an object',
      key: 'output 0 needs a `key` of text or bytes; got 5',
      id: 'output 0 needs an `id` of text or bytes; got 5',
      headers: 'output 0 needs a header `a` of text or bytes; got 5',
      header: 'output 0 needs a header `a` of text or bytes; got null',
    })
    expect((await readAll(kafka, out, 2)).map(({ value }) => String(value))).toEqual(['good', 'last'])
  })

  it('says so when inputs were deleted before it came to them', LONG, async () => {
    const { topic, admin, out, publish, events, options, committed } = await openPlant()
    const handle = ({ id }: { id: string }) => [{ topic: out, body: id }]
    const start = () => tidily(transform({ ...options, handle }), (one) => one.stop())
    const gone = () =>
      events
        .flatMap((event) => (event.type === 'broker-failed' ? [String(event.error)] : []))
        .filter((text) => / gone/.test(text))
    const first = start()
    await publish(names('a', 5))
    await until('the first are committed', () => committed() === 5)
    await first.stop()
    await publish(names('b', 5))
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '8' }] })
    const second = start()
    await until('what is left is committed', () => committed() === 7)
    expect(gone()).toEqual([expect.stringContaining(`${topic}/0: messages from offset 5 are gone, consuming from 8`)])
    await publish(names('c', 3))
    await until('the last are committed', () => committed() === 10)
    await second.stop()
    expect(gone()).toHaveLength(1)
  })
})
