import { Kafka, logLevel } from 'kafkajs'
import { expect, it } from 'vitest'
import { type AlreadyPublishedOptions, alreadyPublished, ID_HEADER, publisher } from '../../src/messaging/kafka.ts'
import { NotPublished, publishOnce } from '../../src/outbox/outbox.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { openDesk } from './kafka-helpers.ts'
import { names } from './ledger.ts'

const LONG = { timeout: 90_000 }
/** Generous, as the machine may be busy. */
const PATIENT = { timeoutMs: 60_000, consumer: { maxWaitTimeInMs: 100 } }

describeWith('kafka', (url) => {
  const asks = (options: AlreadyPublishedOptions) =>
    tidily(alreadyPublished({ ...PATIENT, ...options }), (one) => one.close())
  const all = async (isPublished: (id: string) => Promise<boolean>, ids: readonly string[]) => {
    const found = await Promise.all(ids.map(isPublished))
    return ids.filter((_, i) => found[i])
  }

  it('knows what is in the topic when it is asked, and each time reads only what came since', LONG, async () => {
    const { topic, kafka, publish } = await openDesk(url, 3)
    const isPublished = asks({ kafka, topic })
    expect(await isPublished('m100')).toBe(false)
    await publish(names('m', 40))
    expect(await all(isPublished, [...names('m', 40), 'other'])).toEqual(names('m', 40))
    // Asked at once after each: an answer from before would be wrong.
    for (const id of names('n', 30)) {
      expect(await isPublished(id)).toBe(false)
      await publish([id])
      expect(await isPublished(id)).toBe(true)
    }
    // With a message, its id counts and not the key.
    expect(await isPublished('m100', { id: 'x' })).toBe(false)
    expect(await isPublished('x', { id: 'm100' })).toBe(true)
    const second = asks({ kafka, topic })
    expect(await all(second, ['m100', 'n129', 'body of m100'])).toEqual(['m100', 'n129'])
  })

  it('answers when it has read to the end, however many requests that takes', LONG, async () => {
    const { topic, kafka, publish } = await openDesk(url, 1)
    const batches = Array.from({ length: 40 }, (_, i) => names(`m${i}-`, 10))
    for (const ids of batches) await publish(ids)
    // So few bytes that each request brings one batch.
    const isPublished = asks({ kafka, topic, consumer: { maxBytesPerPartition: 1 } })
    expect(await isPublished('m39-109')).toBe(true)
    expect(await all(isPublished, batches.flat())).toEqual(batches.flat())
  })

  it('by key: one that is taken back is not there', LONG, async () => {
    const { topic, kafka, send } = await openDesk(url)
    const isPublished = asks({ kafka, topic, by: 'key' })
    await send({ key: 'a', value: '1' }, { key: 'b', value: '1' }, { key: null, value: 'c' })
    expect(await all(isPublished, ['a', 'b', 'c', ''])).toEqual(['a', 'b'])
    await send({ key: 'a', value: null })
    expect(await all(isPublished, ['a', 'b'])).toEqual(['b'])
    await send({ key: 'a', value: '2' })
    expect(await isPublished('a', { id: 'any' })).toBe(true)
  })

  it('reads and remembers the last records of each partition only', LONG, async () => {
    const { topic, kafka, publish } = await openDesk(url, 1)
    await publish(names('m', 30))
    const isPublished = asks({ kafka, topic, window: 10 })
    expect(await all(isPublished, names('m', 30))).toEqual(names('m', 30).slice(20))
    await publish([...names('n', 7), 'm120'])
    expect(await all(isPublished, names('m', 30))).toEqual(['m120', 'm128', 'm129'])
  })

  it('what was deleted was not published, also when the topic was made anew', LONG, async () => {
    const { topic, kafka, admin, publish } = await openDesk(url, 1)
    await publish(names('m', 10))
    const isPublished = asks({ kafka, topic })
    expect(await isPublished('m100')).toBe(true)
    // The client has to have asked for the topic before it can delete of it.
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '6' }] })
    expect(await all(isPublished, names('m', 10))).toEqual(names('m', 10).slice(6))
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '-1' }] })
    expect(await all(isPublished, names('m', 10))).toEqual([])
    // Nothing but deleted records, for one who begins there.
    expect(await all(asks({ kafka, topic }), names('m', 10))).toEqual([])
    await publish(['n'])
    expect(await isPublished('n')).toBe(true)
    await admin.deleteTopics({ topics: [topic] })
    await until('it is gone', async () => !(await admin.listTopics()).includes(topic))
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1 }] })
    await publish(['o'])
    await until('it is seen', () => isPublished('o').catch(() => false))
    expect(await all(isPublished, ['m109', 'n', 'o'])).toEqual(['o'])
  })

  it('what is in a transaction counts when it is committed', LONG, async () => {
    const { topic, kafka } = await openDesk(url, 1)
    const isPublished = asks({ kafka, topic })
    const settings = { transactionalId: topic, idempotent: true, maxInFlightRequests: 1 }
    const producer = tidily(kafka.producer(settings), (one) => one.disconnect())
    await producer.connect()
    const within = async (id: string) => {
      const transaction = await producer.transaction()
      await transaction.send({ topic, acks: -1, messages: [{ key: id, value: id, headers: { [ID_HEADER]: id } }] })
      return transaction
    }
    const first = await within('aborted')
    expect(await isPublished('aborted')).toBe(false)
    await first.abort()
    // Nothing to be handed over, and yet the end of the topic.
    expect(await isPublished('aborted')).toBe(false)
    const second = await within('kept')
    expect(await isPublished('kept')).toBe(false)
    await second.commit()
    await until('it is seen', () => isPublished('kept'))
    expect(await isPublished('aborted')).toBe(false)
  })

  it('a question that comes too early is refused, and reading goes on', LONG, async () => {
    const { topic, kafka, publish } = await openDesk(url, 1)
    await publish(names('m', 10))
    const isPublished = asks({ kafka, topic, timeoutMs: 1 })
    await expect(isPublished('m100')).rejects.toThrow(/was not read to its end within 1 ms/)
    const patient = asks({ kafka, topic, timeoutMs: 100, window: Number.POSITIVE_INFINITY })
    await until('it is answered', () => patient('m109').catch(() => false))
  })

  it('when it cannot be told, the question is refused, and publishOnce sends nothing', LONG, async () => {
    const { topic, kafka, admin, producer } = await openDesk(url)
    const nobody = new Kafka({ brokers: ['127.0.0.1:1'], retry: { retries: 0 }, logLevel: logLevel.NOTHING })
    const unreachable = asks({ kafka: nobody, topic, timeoutMs: 1_500 })
    await expect(unreachable('m')).rejects.toThrow(/was not read to its end within \d+ ms \(.*ECONNREFUSED/)
    const publish = publishOnce({ publish: publisher({ producer }), scope: 'shop', alreadyPublished: unreachable })
    const error = await publish('order:1100', { topic, body: {} }).catch((one: unknown) => one)
    expect(NotPublished.is(error) && error.code).toBe('REFUSED')
    const ends = await admin.fetchTopicOffsets(topic)
    expect(ends.map(({ high }) => high)).toEqual(['0', '0'])
    const missing = asks({ kafka, topic: `${topic}-missing`, timeoutMs: 2_000 })
    await expect(missing('m')).rejects.toThrow(/was not read to its end/)
    await missing.close()
    await expect(missing('m')).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

it.each([
  ['kafka', {}],
  ['topic', ['a']],
  ['topic', undefined],
  ['by', 'value'],
  ['window', 0],
  ['timeoutMs', 1.5],
  ['groupId', ''],
  ['consumer', { groupId: 'a' }],
  ['topics', 'a'],
])('refuses a bad %s', (name, value) => {
  const kafka = new Kafka({ brokers: ['127.0.0.1:1'] })
  expect(() => alreadyPublished({ kafka, topic: 'a', [name]: value } as never)).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(`\`${name}`) }),
  )
})
