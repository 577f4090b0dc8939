import { invalidOption } from '../../core/option-rules.ts'
import type { KafkaClient, KafkaConsumerConfig } from './client.ts'

/** What to read from Kafka. */
export interface KafkaTopics {
  /** The client. Its consumer, its admin and its producer for dead letters are created and closed here. */
  readonly kafka: KafkaClient
  /** One topic, or several. */
  readonly topic: string | readonly string[]
  /** Default true. Where a group without committed offsets begins: at the oldest message, or at the next new one. */
  readonly fromBeginning?: boolean
  /** Default true: the topics for messages put aside are created if missing. */
  readonly declare?: boolean
  /** Default: the client's own, with `maxWaitTimeInMs` 500. Session and heartbeat of the group, sizes of a fetch. */
  readonly consumer?: KafkaConsumerConfig
}

/** What to consume from Kafka, as which group, and in which order. */
export interface KafkaSource extends KafkaTopics {
  /** Default: the consumer's `name`. */
  readonly groupId?: string
  /**
   * Default `'key'`: messages with the same `onlyonce-ordering-key`, or else the same record key, are handled one after
   * the other, the rest of the partition concurrently. `'partition'`: one message of a partition at a time.
   */
  readonly order?: 'key' | 'partition'
}

export interface ResolvedSource {
  readonly kafka: KafkaClient
  readonly topics: readonly string[]
  readonly groupId: string
  readonly fromBeginning: boolean
  readonly order: 'key' | 'partition'
  readonly declare: boolean
  readonly consumer: KafkaConsumerConfig
}

/** Kafka allows 249 characters, and the name of the dead-letter topic is five longer. */
const TOPIC = /^[A-Za-z0-9._-]{1,244}$/

/** @throws OnlyonceError OPTION_INVALID */
export function checkedSource(given: { readonly [Name in keyof KafkaSource]: unknown }): ResolvedSource {
  const { kafka, topic, groupId, fromBeginning = true, order = 'key', declare = true, consumer = {} } = given
  checkClient(kafka)
  if (order !== 'key' && order !== 'partition') throw invalidOption('order', "must be 'key' or 'partition'", order)
  for (const [name, value] of Object.entries({ fromBeginning, declare })) {
    if (typeof value !== 'boolean') throw invalidOption(name, 'must be true or false', value)
  }
  if (typeof consumer !== 'object' || consumer === null)
    throw invalidOption('consumer', 'must be an object of settings', consumer)
  for (const fixed of ['groupId', 'retry', 'readUncommitted', 'allowAutoTopicCreation']) {
    if (fixed in consumer) throw invalidOption(`consumer.${fixed}`, 'is set by onlyonce', Object(consumer)[fixed])
  }
  return {
    ...{ kafka: kafka as KafkaClient, topics: checkedTopics(topic), groupId: checkedText('groupId', groupId) },
    ...{ fromBeginning: fromBeginning as boolean, order, declare: declare as boolean, consumer },
  }
}

export function checkClient(kafka: unknown): void {
  const { consumer, producer, admin } = Object(kafka) as Record<string, unknown>
  if ([consumer, producer, admin].every((verb) => typeof verb === 'function')) return
  throw invalidOption('kafka', 'is required: a client of kafkajs', kafka)
}

function checkedTopics(topic: unknown): readonly string[] {
  const topics: readonly unknown[] = Array.isArray(topic) ? topic : [topic]
  const isTopic = (one: unknown): one is string => typeof one === 'string' && TOPIC.test(one) && !/^\.\.?$/.test(one)
  if (topics.length > 0 && topics.every(isTopic) && new Set(topics).size === topics.length) return topics
  throw invalidOption('topic', 'is required: 1 to 244 letters, digits, `.`, `_` and `-`, or a list of such', topic)
}

export function checkedText(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.isWellFormed() && Buffer.byteLength(value) <= 255) return value
  throw invalidOption(name, 'must be a text of 1 to 255 bytes', value)
}
