import { expect, it } from 'vitest'
import type { KafkaClient, KafkaProducer } from './client.ts'
import { publisher } from './publisher.ts'

type Sent = Parameters<KafkaProducer['send']>[0]

const LENGTH = 300 * 1_024
const message = (topic: string, id: string, more: { orderingKey?: string; body?: Buffer } = {}) => ({
  ...{ id, topic, body: Buffer.from(id), headers: {} },
  ...more,
})
const long = (id: string, orderingKey: string) => message('t', id, { orderingKey, body: Buffer.alloc(LENGTH) })
const ok = { ok: true }

/** Topics of three partitions, of which the producer knows `known`. `fails`: what a call throws. */
function cluster({ known = 3, isIdempotent = false, fails = (_: Sent): Error | undefined => undefined } = {}) {
  const log: string[] = []
  const kafka = {
    consumer: () => {},
    producer: () => {},
    admin: () => ({
      connect: async () => void log.push('admin'),
      disconnect: async () => void log.push('admin ended'),
      async fetchTopicMetadata({ topics: [topic] }: { topics: string[] }) {
        log.push(`partitions of ${topic}`)
        if (topic === 'missing') throw new Error('no such topic')
        return { topics: [{ partitions: [0, 1, 2] }] }
      },
    }),
  } as unknown as KafkaClient
  const publish = publisher({
    kafka,
    producer: () =>
      ({
        connect: async () => void log.push('producer'),
        disconnect: async () => {},
        isIdempotent: () => isIdempotent,
        async send(sent: Sent) {
          const { topic, messages } = sent
          const there = messages.filter(({ partition = 0 }) => partition < known)
          log.push(`${topic} ${there.map(({ key, partition }) => `${partition}:${key}`)}`)
          const error = fails(sent)
          if (error !== undefined) throw error
          return there.map(({ partition }) => ({ topicName: topic, partition }))
        },
      }) as never,
  })
  return { log, publish }
}

it.each([false, true])(
  'a topic gets one call, whose records say their partition (idempotent: %s)',
  async (isIdempotent) => {
    const { log, publish } = cluster({ isIdempotent })
    const all = [...['a', 'b', 'c', 'd'].map((id) => message('t', id)), message('u', 'e', { orderingKey: 'a' })]
    expect(await publish(all)).toEqual(all.map(() => ok))
    expect(await publish([message('t', 'f')])).toEqual([ok])
    await publish.close()
    expect(log).toEqual([
      ...['producer', 'admin', 'partitions of t', 'partitions of u', 't 1:a,2:b,1:c,2:d', 'u 1:a', 't 0:f'],
      'admin ended',
    ])
  },
)

it('what kafkajs leaves out is not known to be stored; the producer is replaced, and the partitions are asked for anew', async () => {
  const { log, publish } = cluster({ known: 2 })
  const reason = 'kafkajs has left out the records for t/2: another producer has to send them'
  const results = await publish(['a', 'b', 'c', 'd'].map((id) => message('t', id)))
  const unknown = { ok: false, reason, unknown: true }
  expect(results).toEqual([ok, unknown, ok, unknown])
  log.length = 0
  expect(await publish([message('t', 'a')])).toEqual([ok])
  expect(log).toEqual(['producer', 'partitions of t', 't 1:a'])
})

it('a topic whose partitions nobody can tell keeps nothing else from being sent', async () => {
  const { publish } = cluster()
  const results = await publish([message('missing', 'a'), message('t', 'b'), message('missing', 'c')])
  const failed = { ok: false, reason: 'no such topic' }
  expect(results).toEqual([failed, ok, failed])
})

it('of a call that is refused for good the partitions are tried alone, then the halves of one', async () => {
  const tooLarge = Object.assign(new Error('too large'), { type: 'MESSAGE_TOO_LARGE' })
  const { log, publish } = cluster({
    fails: ({ messages }) => (messages.some(({ key }) => key === 'a') ? tooLarge : undefined),
  })
  const results = await publish(['a', 'b', 'c', 'd'].map((id) => message('t', id)))
  expect(results).toEqual([{ ok: false, reason: 'too large', permanent: true }, ok, ok, ok])
  expect(log.filter((line) => line.startsWith('t '))).toEqual([
    't 1:a,2:b,1:c,2:d',
    't 1:a,1:c',
    't 1:a',
    't 1:c',
    't 2:b,2:d',
  ])
})

it('what is too long for one batch of a partition is sent in several calls, one after the other', async () => {
  const { log, publish } = cluster()
  const all = [long('1', 'a'), long('2', 'b'), long('3', 'a'), long('4', 'c'), message('t', '5', { orderingKey: 'b' })]
  expect(await publish(all)).toEqual(all.map(() => ok))
  expect(log.filter((line) => line.startsWith('t '))).toEqual(['t 1:a,2:b,2:b', 't 1:a', 't 1:c'])
})

it('after a call that failed the rest of its topic waits for the next batch', async () => {
  const { log, publish } = cluster({ fails: () => new Error('no leader') })
  const results = await publish([long('1', 'a'), long('2', 'a')])
  const failed = { ok: false, reason: 'no leader' }
  expect(results).toEqual([{ ...failed, unknown: true }, failed])
  expect(log.filter((line) => line.startsWith('t '))).toEqual(['t 1:a'])
})
