export type TopicType = 'NORMAL' | 'FIFO' | 'DELAY' | 'TRANSACTION'

/** The addresses (`host:port`) of all brokers that a name server knows. */
export function brokersOf(nameServerPort: number): Promise<string[]>

/** Creates the topic, or changes it. */
export function createTopic(brokerPort: number, topic: string, type: TopicType, queues: number): Promise<void>
