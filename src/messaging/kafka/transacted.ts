import { ID_HEADER } from '../headers.ts'
import type { KafkaAdmin, KafkaClient, KafkaMessage, KafkaProducer } from './client.ts'
import { deadTopic, sendCopy } from './dead-letters.ts'
import { placeOf } from './partition.ts'
import type { Output } from './transform-options.ts'

/** What is produced for one stretch of a partition, and where the next one begins. */
export interface Stretch {
  readonly topic: string
  readonly partition: number
  readonly next: string
  /** By topic. */
  readonly outputs: ReadonlyMap<string, readonly KafkaMessage[]>
}

export interface Transacted {
  /** The offset at which the group goes on; `undefined` when it has committed none. */
  readonly position: bigint | undefined
  /** Rejects when nothing of it is visible, or when that is not known: then this is of no further use. */
  commit(stretch: Stretch): Promise<void>
  close(): Promise<void>
}

/**
 * The transactions of one input partition. Their name is that of the partition, because kafkajs does not tell Kafka who
 * of the group commits the offsets: whoever is given the partition locks out whoever had it before.
 */
export async function openTransacted(
  kafka: Pick<KafkaClient, 'producer'>,
  admin: Pick<KafkaAdmin, 'fetchOffsets'>,
  groupId: string,
  transactionalId: string,
  { topic, partition }: { readonly topic: string; readonly partition: number },
): Promise<Transacted> {
  const producer: KafkaProducer = kafka.producer({
    transactionalId: `${transactionalId}-${topic}-${partition}`,
    ...{ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false, retry: { retries: 5 } },
  })
  const close = () => producer.disconnect().catch(() => {})
  try {
    await producer.connect()
    // The first transaction makes Kafka end the open one of whoever had the name before.
    await (await producer.transaction()).abort()
    // Asked only now: what was under way is decided, and nothing of theirs can be added.
    const [of] = await admin.fetchOffsets({ groupId, topics: [topic] })
    const committed = BigInt(of?.partitions.find((one) => one.partition === partition)?.offset ?? -1)
    return { position: committed < 0n ? undefined : committed, commit, close }
  } catch (error) {
    await close()
    throw error
  }

  async function commit({ next, outputs }: Stretch): Promise<void> {
    const transaction = await producer.transaction()
    try {
      for (const [to, messages] of outputs) {
        if (to !== deadTopic(topic)) await transaction.send({ topic: to, acks: -1, messages: [...messages] })
        // One by one: of several, nobody could tell which were stored when Kafka refuses some.
        else for (const one of messages) await sendCopy(transaction, to, one)
      }
      const topics = [{ topic, partitions: [{ partition, offset: next }] }]
      await transaction.sendOffsets({ consumerGroupId: groupId, topics })
    } catch (error) {
      await transaction.abort().catch(() => {})
      throw error
    }
    await transaction.commit()
  }
}

/** Always with a key: without one the client would choose another partition each time it tries. */
export function outputRecord(
  input: { readonly topic: string; readonly partition: number },
  offset: string,
  index: number,
  { body, id = `${placeOf(input)}/${offset}/${index}`, key = id, headers }: Output,
): KafkaMessage {
  const value = typeof body === 'string' ? body : Buffer.from(body)
  return { key, value, headers: { ...headers, [ID_HEADER]: id } }
}
