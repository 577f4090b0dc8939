import { expect, it } from 'vitest'
import type { KafkaMessage, KafkaOffsets } from './client.ts'
import { openTransacted } from './transacted.ts'

const FETCHED = { topic: 't', partition: 0, fetchedOffset: '7' }

/**
 * The transactions of a partition whose group has committed `offset`, with what they tell Kafka. The output topic has
 * `partitions`; the producer knows the first three.
 */
async function opened(offset: string, partitions = [1, 2, 3], refusals: Error[] = []) {
  const said: string[] = []
  const transaction = {
    async send({ topic, messages }: { topic: string; messages: KafkaMessage[] }) {
      const known = messages.filter(({ partition = 0 }) => partition < 3)
      said.push(`send ${known.map(({ key, partition }) => `${topic}/${partition}:${key}`)}`)
      return known.map(({ partition }) => ({ topicName: topic, partition }))
    },
    async sendOffsets({ topics }: KafkaOffsets) {
      const refusal = refusals.shift()
      if (refusal !== undefined) throw refusal
      said.push(`offset ${topics[0]?.partitions[0]?.offset}`)
    },
    commit: async () => void said.push('commit'),
    abort: async () => void said.push('abort'),
  }
  const producer = { connect: async () => {}, disconnect: async () => {}, transaction: async () => transaction }
  const admin = {
    fetchOffsets: async () => [{ topic: 't', partitions: [{ partition: 0, offset, metadata: null }] }],
    fetchTopicMetadata: async () => ({ topics: [{ partitions }] }),
  }
  const transacted = await openTransacted({ producer: () => producer } as never, admin, 'g', 'x', FETCHED)
  return { said, transacted }
}

it('no call of a transaction has records of two partitions', async () => {
  const { said, transacted } = await opened('3')
  const messages = ['a', 'b', 'c', 'd', 'a'].map((key) => ({ key, value: '' }))
  const copies = ['e', 'f'].map((key) => ({ key, value: '' }))
  const outputs = new Map([
    ['out', messages],
    ['t.dead', copies],
  ])
  await transacted.commit({ ...FETCHED, next: '9', outputs })
  expect(said.slice(1)).toEqual([
    ...['send out/1:a,out/1:c,out/1:a', 'send out/2:b,out/2:d'],
    ...['send t.dead/undefined:e', 'send t.dead/undefined:f', 'offset 9', 'commit'],
  ])
})

it('records of a partition that the producer does not know of end the transaction: kafkajs would leave them out', async () => {
  const { said, transacted } = await opened('3', [1, 2, 3, 4, 5, 6])
  const outputs = new Map([['out', ['a', 'b', 'c', 'd'].map((key) => ({ key, value: '' }))]])
  await expect(transacted.commit({ ...FETCHED, next: '9', outputs })).rejects.toThrow(
    /has left out the records for out\/[345]/,
  )
  expect(said.at(-1)).toBe('abort')
})

it('an output topic without partitions ends the transaction', async () => {
  const { said, transacted } = await opened('3', [])
  const outputs = new Map([['out', [{ key: 'a', value: '' }]]])
  await expect(transacted.commit({ ...FETCHED, next: '9', outputs })).rejects.toThrow(/no partition of topic out/)
  expect(said.slice(1)).toEqual(['abort'])
})

it('a group without a position gets one before anything is handled: it would begin at another end without it', async () => {
  const { said, transacted } = await opened('-1')
  expect([said, transacted.position]).toEqual([['offset 7', 'commit'], 7n])
})

it('a position that is there stays as it is', async () => {
  const { said, transacted } = await opened('3')
  expect([said, transacted.position]).toEqual([['abort'], 3n])
})

it('waits until Kafka has written the end of the transaction before: kafkajs would not ask again', async () => {
  const refusals = [1, 2, 3].map(() => Object.assign(new Error('busy'), { type: 'CONCURRENT_TRANSACTIONS' }))
  const { said, transacted } = await opened('3', [1], refusals)
  await transacted.commit({ ...FETCHED, next: '9', outputs: new Map() })
  expect([said.slice(1), refusals]).toEqual([['offset 9', 'commit'], []])
})

it('any other refusal of the offsets ends the transaction', async () => {
  const fenced = Object.assign(new Error('fenced'), { type: 'INVALID_PRODUCER_EPOCH' })
  const { said, transacted } = await opened('3', [1], [fenced])
  await expect(transacted.commit({ ...FETCHED, next: '9', outputs: new Map() })).rejects.toBe(fenced)
  expect(said.slice(1)).toEqual(['abort'])
})
