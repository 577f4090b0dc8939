import type { KafkaAdmin } from './client.ts'
import { deadTopic } from './dead-letters.ts'

/** Creates, where they are missing, the topics for what is put aside from `topics`. They keep it until it is deleted by hand. */
export async function declareDeadTopics(
  admin: Pick<KafkaAdmin, 'listTopics' | 'createTopics'>,
  topics: readonly string[],
): Promise<void> {
  const there = new Set(await admin.listTopics())
  const missing = topics.map(deadTopic).filter((topic) => !there.has(topic))
  if (missing.length === 0) return
  const kept = [{ name: 'retention.ms', value: '-1' }]
  // Answers false for one that somebody else made meanwhile.
  await admin.createTopics({ topics: missing.map((topic) => ({ topic, numPartitions: 1, configEntries: kept })) })
}

const TOPIC_RESOURCE = 2

/** For how long Kafka may hand over a message after its publication: the longest of the topics. `Infinity`: for ever. */
export async function retentionOf(
  admin: Pick<KafkaAdmin, 'describeConfigs'>,
  topics: readonly string[],
): Promise<number> {
  const resources = topics.map((name) => ({ type: TOPIC_RESOURCE, name, configNames: ['retention.ms'] }))
  const described = await admin.describeConfigs({ resources, includeSynonyms: false })
  const values = described.resources.flatMap(({ configEntries }) => configEntries.map(({ configValue }) => configValue))
  return Math.max(0, ...values.map((value) => (Number(value) < 0 ? Number.POSITIVE_INFINITY : Number(value))))
}
