import type { KafkaAdmin } from './client.ts'

/** Returns the number of partitions of a topic. Rejects if the cluster names none: no record could be placed. */
export async function partitionsOf(admin: Pick<KafkaAdmin, 'fetchTopicMetadata'>, topic: string): Promise<number> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  const count = topics[0]?.partitions.length ?? 0
  if (count === 0) throw new Error(`Kafka names no partition of topic ${topic}: see that it exists`)
  return count
}
