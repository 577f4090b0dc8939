import { randomUUID } from 'node:crypto'
import type { Kafka, KafkaMessage, Message } from 'kafkajs'
import { deadTopic, ID_HEADER } from '../../src/messaging/kafka.ts'
import { kafkaClient } from '../support/kafka.ts'
import { tidily } from '../support/leftovers.ts'
import { openLedger } from './ledger.ts'

/** The group finds out soon who is gone. */
export const SOON = { sessionTimeout: 3_000, heartbeatInterval: 300, maxWaitTimeInMs: 100 }
export const quick = { delivers: 'exactly-once-effect', backoffMs: 20, maxBackoffMs: 100, consumer: SOON } as const

/** Everything in a topic, once there are so many. */
export async function readAll(client: Kafka, topic: string, count: number): Promise<readonly KafkaMessage[]> {
  const consumer = client.consumer({ groupId: `reader-${randomUUID()}`, maxWaitTimeInMs: 100 })
  await consumer.connect()
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    const found: KafkaMessage[] = []
    return await new Promise<readonly KafkaMessage[]>((resolve, reject) => {
      setTimeout(() => reject(new Error(`${topic} has ${found.length} of ${count} messages`)), 40_000).unref()
      const eachMessage = async ({ message }: { message: KafkaMessage }) => {
        if (found.push(message) >= count) resolve(found)
      }
      consumer.run({ autoCommit: false, eachMessage }).catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
}

/**
 * What a reader of committed transactions sees of a topic with one partition, in the order of the commits. Told from the
 * markers in the log: kafkajs shows aborted records when several producers aborted within one fetch.
 */
export async function readCommitted(client: Kafka, topic: string, end: bigint): Promise<readonly KafkaMessage[]> {
  interface Raw extends Omit<KafkaMessage, 'key'> {
    readonly key: Buffer
    readonly isControlRecord: boolean
    readonly batchContext: { readonly producerId: string }
  }
  const groupId = `reader-${randomUUID()}`
  const consumer = client.consumer({ groupId, readUncommitted: true, maxWaitTimeInMs: 100 })
  await consumer.connect()
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    const seen: KafkaMessage[] = []
    const open = new Map<string, KafkaMessage[]>()
    return await new Promise<readonly KafkaMessage[]>((resolve, reject) => {
      setTimeout(() => reject(new Error(`${topic} was not read to ${end}`)), 40_000).unref()
      const take = (one: Raw) => {
        const { producerId } = one.batchContext
        const waiting = open.get(producerId) ?? []
        if (!one.isControlRecord) open.set(producerId, [...waiting, one as unknown as KafkaMessage])
        else {
          if (one.key.readInt16BE(2) === 1) seen.push(...waiting)
          open.delete(producerId)
        }
        // The last record is the marker of the last transaction.
        if (BigInt(one.offset) + 1n >= end) resolve(seen)
      }
      consumer
        .run({
          autoCommit: false,
          eachBatch: async ({ batch }) => (batch as unknown as { rawMessages: Raw[] }).rawMessages.forEach(take),
        })
        .catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
}

/** A topic of its own, a producer, and a ledger of effects in the store of the consumers. */
export async function openDesk(url: string, partitions = 2) {
  const topic = `t-${randomUUID().slice(0, 8)}`
  const kafka = kafkaClient(url)
  const admin = tidily(kafka.admin(), (one) => one.disconnect())
  await admin.connect()
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: partitions }] })
  const producer = tidily(kafka.producer(), (one) => one.disconnect())
  await producer.connect()
  const ledger = await openLedger({ retentionMs: 10 ** 9 })

  const send = (...messages: Message[]) => producer.send({ topic, acks: -1, messages })
  const publish = (ids: readonly string[], key?: string) =>
    send(...ids.map((id) => ({ key: key ?? null, value: `body of ${id}`, headers: { [ID_HEADER]: id } })))
  /** The offsets of the group `ledger` of this topic, by partition; -1 for none. */
  const committed = async () => {
    const [of] = await admin.fetchOffsets({ groupId: `ledger-${topic}`, topics: [topic] })
    return new Map(of?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
  }
  /** How many messages the group has not committed. */
  const behind = async () => {
    const done = await committed()
    const ends = await admin.fetchTopicOffsets(topic)
    return ends.reduce((sum, { partition, high }) => sum + Number(high) - Math.max(0, done.get(partition) ?? 0), 0)
  }
  const dead = (count: number) => readAll(kafka, deadTopic(topic), count)
  const from = { kafka, topic, name: 'ledger', groupId: `ledger-${topic}` }
  return { topic, kafka, admin, producer, from, send, publish, committed, behind, dead, ...ledger }
}
