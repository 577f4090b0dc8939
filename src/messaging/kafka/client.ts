/** The part of `kafkajs` we use, by shape. */
export interface KafkaClient {
  consumer(config: KafkaConsumerConfig & KafkaFixedConfig): KafkaConsumer
  producer(config: KafkaProducerConfig): KafkaProducer
  admin(): KafkaAdmin
}

/** The settings of a consumer of `kafkajs` that may be given; times in milliseconds. Default: the client's own. */
export interface KafkaConsumerConfig {
  readonly sessionTimeout?: number
  readonly rebalanceTimeout?: number
  readonly heartbeatInterval?: number
  readonly maxBytesPerPartition?: number
  readonly maxBytes?: number
  readonly minBytes?: number
  readonly maxWaitTimeInMs?: number
  readonly metadataMaxAge?: number
  readonly rackId?: string
}

interface KafkaFixedConfig {
  readonly groupId: string
  readonly allowAutoTopicCreation: false
  readonly readUncommitted: false
  readonly retry: { readonly retries: number; readonly restartOnFailure: () => Promise<boolean> }
}

export interface KafkaProducerConfig {
  readonly allowAutoTopicCreation?: boolean
  readonly transactionalId?: string
  readonly idempotent?: boolean
  readonly maxInFlightRequests?: number
  readonly retry?: { readonly retries: number }
}

type HeaderValue = Buffer | string
export type KafkaHeaders = Record<string, HeaderValue | HeaderValue[] | undefined>

export interface KafkaRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers?: Readonly<KafkaHeaders>
  /** Milliseconds since 1970, in digits; -1 for none. */
  readonly timestamp: string
  readonly offset: string
}

export interface KafkaBatch {
  readonly topic: string
  readonly partition: number
  readonly highWatermark: string
  readonly messages: readonly KafkaRecord[]
  /** Offset at which the fetch began. Not in the client's types, but present. */
  readonly fetchedOffset?: string
  firstOffset(): string | null
  lastOffset(): string
}

export interface KafkaOffsets {
  topics: {
    topic: string
    partitions: { partition: number; offset: string; metadata?: string }[]
  }[]
}

export interface KafkaBatchPayload {
  readonly batch: KafkaBatch
  resolveOffset(offset: string): void
  heartbeat(): Promise<void>
  /** Uses the group generation at the time of the call, and is never retried under a later one. */
  commitOffsetsIfNecessary(offsets: KafkaOffsets): Promise<void>
}

export interface KafkaConsumer {
  connect(): Promise<void>
  disconnect(): Promise<void>
  subscribe(what: { topics: string[]; fromBeginning: boolean }): Promise<void>
  run(config: {
    autoCommit: false
    eachBatchAutoResolve: false
    partitionsConsumedConcurrently?: number
    eachBatch: (payload: KafkaBatchPayload) => Promise<void>
  }): Promise<void>
  seek(place: { topic: string; partition: number; offset: string }): void
  pause(places: { topic: string; partitions?: number[] }[]): void
  resume(places: { topic: string; partitions?: number[] }[]): void
  on(event: string, listener: (event: { readonly payload: unknown }) => void): unknown
}

export interface KafkaMessage {
  key?: Buffer | string | null
  value: Buffer | string | null
  headers?: KafkaHeaders
  /** Default: chosen by the key. */
  partition?: number
}

export interface KafkaSender {
  /** Resolves with the partitions that Kafka confirmed, not necessarily all that were sent to. */
  send(record: {
    topic: string
    acks: -1
    messages: KafkaMessage[]
  }): Promise<readonly { readonly topicName: string; readonly partition: number }[]>
}

export interface KafkaTransaction extends KafkaSender {
  sendOffsets(offsets: KafkaOffsets & { consumerGroupId: string }): Promise<void>
  commit(): Promise<void>
  abort(): Promise<void>
}

/** The part of a producer of `kafkajs` we use. */
export interface KafkaProducer extends KafkaSender {
  connect(): Promise<void>
  disconnect(): Promise<void>
  isIdempotent(): boolean
  transaction(): Promise<KafkaTransaction>
}

export interface KafkaAdmin {
  connect(): Promise<void>
  disconnect(): Promise<void>
  createTopics(options: {
    topics: {
      topic: string
      numPartitions?: number
      configEntries?: { name: string; value: string }[]
    }[]
  }): Promise<unknown>
  listTopics(): Promise<string[]>
  /** Offsets of committed records. */
  fetchTopicOffsets(
    topic: string,
  ): Promise<readonly { readonly partition: number; readonly low: string; readonly high: string }[]>
  fetchTopicMetadata(options: {
    topics: string[]
  }): Promise<{ readonly topics: readonly { readonly partitions: readonly unknown[] }[] }>
  fetchOffsets(options: {
    groupId: string
    topics: string[]
  }): Promise<readonly { topic: string; partitions: readonly KafkaCommitted[] }[]>
  describeGroups(
    groupIds: string[],
  ): Promise<{ readonly groups: readonly { readonly members: readonly { readonly memberMetadata: Buffer }[] }[] }>
  describeConfigs(query: {
    resources: { type: number; name: string; configNames?: string[] }[]
    includeSynonyms: boolean
  }): Promise<{
    readonly resources: readonly {
      readonly resourceName: string
      readonly configEntries: readonly { readonly configName: string; readonly configValue: string }[]
    }[]
  }>
}

export interface KafkaCommitted {
  readonly partition: number
  /** -1: nothing was committed. */
  readonly offset: string
  readonly metadata: string | null
}
