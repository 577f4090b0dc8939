export type TopicType = 'NORMAL' | 'FIFO' | 'DELAY' | 'TRANSACTION'

/** The addresses (`host:port`) of all brokers that a name server knows. */
export function brokersOf(nameServerPort: number): Promise<string[]>

/** Creates the topic, or changes it. */
export function createTopic(brokerPort: number, topic: string, type: TopicType, queues: number): Promise<void>

/** How many messages a queue of the topic ever got. */
export function queueEnd(brokerPort: number, topic: string, queue: number): Promise<number>

export interface GroupOptions {
  /** Default false. Whether the broker hands out a queue in its order, one batch after the other. */
  readonly inOrder?: boolean
  /** Default 16. */
  readonly maxRetries?: number
}

/** Creates the group of consumers, or changes it. */
export function createGroup(brokerPort: number, group: string, options: GroupOptions): Promise<void>
