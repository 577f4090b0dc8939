import type { KafkaAdmin } from './client.ts'
import { deadTopic } from './dead-letters.ts'

/** Room for the headers that a copy has and its original does not. */
const ROOM_FOR_HEADERS_BYTES = 65_536
const MAX_INT_32 = 2_147_483_647

/**
 * Creates the missing dead-letter topics of `topics`. They keep messages until those are deleted by hand, and accept
 * whatever the original topic accepts.
 */
export async function declareDeadTopics(
  admin: Pick<KafkaAdmin, 'listTopics' | 'createTopics' | 'describeConfigs'>,
  topics: readonly string[],
): Promise<void> {
  const there = new Set(await admin.listTopics())
  const missing = topics.filter((topic) => !there.has(deadTopic(topic)))
  if (missing.length === 0) return
  const declared = missing.map(async (topic) => ({
    topic: deadTopic(topic),
    numPartitions: 1,
    configEntries: [{ name: 'retention.ms', value: '-1' }, ...(await lengthLimit(admin, topic))],
  }))
  // Resolves to false for a topic that was created by somebody else meanwhile.
  await admin.createTopics({ topics: await Promise.all(declared) })
}

/** Returns nothing if the limit is not known: the topic does not exist yet, or may not be described. */
async function lengthLimit(admin: Pick<KafkaAdmin, 'describeConfigs'>, topic: string) {
  const [settings] = await settingsOf(admin, ['max.message.bytes'], [topic]).catch(() => [])
  const limit = settings?.get('max.message.bytes')
  if (limit === undefined) return []
  const value = String(Math.min(Number(limit) + ROOM_FOR_HEADERS_BYTES, MAX_INT_32))
  return [{ name: 'max.message.bytes', value }]
}

const TOPIC_RESOURCE = 2

/** Returns the settings of each topic by name. */
async function settingsOf(
  admin: Pick<KafkaAdmin, 'describeConfigs'>,
  configNames: string[],
  topics: readonly string[],
): Promise<readonly ReadonlyMap<string, string>[]> {
  const resources = topics.map((name) => ({ type: TOPIC_RESOURCE, name, configNames }))
  const described = await admin.describeConfigs({ resources, includeSynonyms: false })
  return described.resources.map(
    ({ configEntries }) => new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
  )
}

/** Returns for how many ms after publication Kafka may deliver a message: the longest. `Infinity`: for ever. */
export async function retentionOf(
  admin: Pick<KafkaAdmin, 'describeConfigs'>,
  topics: readonly string[],
): Promise<number> {
  const settings = await settingsOf(admin, ['retention.ms', 'cleanup.policy'], topics)
  return Math.max(0, ...settings.map(keptFor))
}

/** A topic that is only compacted keeps the last message of each key, whatever its `retention.ms`. */
function keptFor(settings: ReadonlyMap<string, string>): number {
  const ms = Number(settings.get('retention.ms') ?? 0)
  const isDeleted = settings.get('cleanup.policy')?.includes('delete') ?? true
  return isDeleted && ms >= 0 ? ms : Number.POSITIVE_INFINITY
}
