import { Kafka, logLevel } from 'kafkajs'
import { PATIENCE_MS, patiently, type RoundTrip } from './round-trip.ts'

/** Silences the warning of kafkajs about the partitioner of versions before 2. */
process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'

export function kafkaClient(url: string): Kafka {
  return new Kafka({ clientId: 'test', brokers: [url.replace('kafka://', '')], logLevel: logLevel.NOTHING })
}

/** A topic with one partition, written to with `acks: -1`; the offset is committed after every message. */
export async function openKafka(url: string, topic: string): Promise<RoundTrip> {
  const client = kafkaClient(url)
  const admin = client.admin()
  await patiently(() => admin.connect())
  await patiently(() => admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1 }] }))
  await admin.disconnect()
  const producer = client.producer()
  await producer.connect()
  return {
    async publish(text) {
      await producer.send({ topic, acks: -1, messages: [{ value: text }] })
    },
    async receive() {
      const consumer = client.consumer({ groupId: `${topic}-readers`, sessionTimeout: 6_000 })
      await consumer.connect()
      try {
        await consumer.subscribe({ topic, fromBeginning: true })
        return await new Promise<string | undefined>((resolve, reject) => {
          setTimeout(resolve, PATIENCE_MS, undefined).unref()
          const eachMessage = async ({ message }: { message: { offset: string; value: Buffer | null } }) => {
            await consumer.commitOffsets([{ topic, partition: 0, offset: String(BigInt(message.offset) + 1n) }])
            consumer.pause([{ topic }])
            resolve(message.value?.toString())
          }
          consumer.run({ autoCommit: false, eachMessage }).catch(reject)
        })
      } finally {
        await consumer.disconnect()
      }
    },
    close: () => producer.disconnect(),
  }
}
