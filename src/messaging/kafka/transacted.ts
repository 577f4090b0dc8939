import { type Runtime, sleep, systemRuntime } from '../../core/runtime.ts'
import type {
  KafkaAdmin,
  KafkaBatch,
  KafkaClient,
  KafkaMessage,
  KafkaProducer,
  KafkaSender,
  KafkaTransaction,
} from './client.ts'
import { isConfirmed, leftOut } from './confirmed.ts'
import { deadTopic, sendCopy } from './dead-letters.ts'
import { partitionOf } from './partitioner.ts'
import { partitionsOf } from './partitions.ts'
import { isOneOf } from './refusal.ts'

/** What is produced for one range of a partition, and the offset at which the next range begins. */
export interface Stretch {
  readonly topic: string
  readonly partition: number
  readonly next: string
  /** By topic. */
  readonly outputs: ReadonlyMap<string, readonly KafkaMessage[]>
}

export interface Transacted {
  /** The offset at which the group continues; `undefined` when it has committed none. */
  readonly position: bigint | undefined
  /** Rejects when nothing of it is visible, or when that is not known; this object must not be used afterwards. */
  commit(stretch: Stretch): Promise<void>
  close(): Promise<void>
}

const STILL_ENDING: ReadonlySet<string> = new Set(['CONCURRENT_TRANSACTIONS'])
const SETTLING_PAUSE_MS = 20
const SETTLING_LIMIT_MS = 10_000

/**
 * Opens the transactions of one input partition. Their id names the partition, because kafkajs does not tell Kafka
 * which member of the group commits the offsets: a new owner of the partition locks out the previous one.
 */
export async function openTransacted(
  kafka: Pick<KafkaClient, 'producer'>,
  admin: Pick<KafkaAdmin, 'fetchOffsets' | 'fetchTopicMetadata'>,
  groupId: string,
  transactionalId: string,
  { topic, partition, fetchedOffset }: Pick<KafkaBatch, 'topic' | 'partition' | 'fetchedOffset'>,
  runtime: Runtime = systemRuntime,
): Promise<Transacted> {
  const producer: KafkaProducer = kafka.producer({
    transactionalId: `${transactionalId}-${topic}-${partition}`,
    ...{ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false, retry: { retries: 5 } },
  })
  const close = () => producer.disconnect().catch(() => {})

  /**
   * Kafka refuses what a transaction begins with while it still writes the end of the one before. kafkajs then repeats
   * requests for records, but not this one, which comes first if there are no outputs.
   */
  async function sendOffsets(transaction: KafkaTransaction, offset: string): Promise<void> {
    const endsAt = runtime.elapsed() + SETTLING_LIMIT_MS
    for (;;) {
      try {
        const topics = [{ topic, partitions: [{ partition, offset }] }]
        return await transaction.sendOffsets({ consumerGroupId: groupId, topics })
      } catch (error) {
        if (!isOneOf(STILL_ENDING, error) || runtime.elapsed() >= endsAt) throw error
        await sleep(runtime, SETTLING_PAUSE_MS)
      }
    }
  }

  try {
    await producer.connect()
    // The first transaction makes Kafka end an open one of the previous owner.
    const first = await producer.transaction()
    // Asked only now: pending transactions are decided, and the previous owner can add nothing.
    const [of] = await admin.fetchOffsets({ groupId, topics: [topic] })
    const committed = BigInt(of?.partitions.find((one) => one.partition === partition)?.offset ?? -1)
    if (committed >= 0n || fetchedOffset === undefined) {
      await first.abort()
      return { position: committed < 0n ? undefined : committed, commit, close }
    }
    // If we die in the next transaction, the next owner begins here, and not behind what is published by then.
    await sendOffsets(first, fetchedOffset)
    await first.commit()
    return { position: BigInt(fetchedOffset), commit, close }
  } catch (error) {
    await close()
    throw error
  }

  /**
   * Splits messages into one call per partition. In a common call kafkajs may lose a partition: if it moved to a broker
   * that answered for another one, the next attempt leaves its records out, and reports that all are stored.
   */
  async function byPartition(to: string, messages: readonly KafkaMessage[]) {
    const count = await partitionsOf(admin, to)
    const parts = new Map<number, KafkaMessage[]>()
    for (const one of messages) {
      const chosen = partitionOf(one.key ?? '', count)
      parts.set(chosen, [...(parts.get(chosen) ?? []), { ...one, partition: chosen }])
    }
    return parts
  }

  async function commit({ next, outputs }: Stretch): Promise<void> {
    const transaction = await producer.transaction()
    try {
      for (const [to, messages] of outputs) {
        // One at a time: if Kafka refused some of several, nobody could tell which were stored.
        if (to === deadTopic(topic)) for (const one of messages) await sendCopy(transaction, to, one)
        // One after the other: otherwise, after a failure, a call could go on while the transaction ends.
        else for (const [chosen, part] of await byPartition(to, messages)) await sendTo(transaction, to, chosen, part)
      }
      await sendOffsets(transaction, next)
    } catch (error) {
      await transaction.abort().catch(() => {})
      throw error
    }
    await transaction.commit()
  }
}

async function sendTo(sender: KafkaSender, topic: string, partition: number, messages: KafkaMessage[]): Promise<void> {
  const stored = await sender.send({ topic, acks: -1, messages })
  if (!isConfirmed(stored, partition)) throw leftOut(topic, partition)
}
