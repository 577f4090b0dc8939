import type { KafkaClient, KafkaMessage, KafkaProducer } from './client.ts'

/** Where messages of `topic` are put aside. */
export const deadTopic = (topic: string): string => `${topic}.dead`

export interface DeadLetters {
  /** Resolves when every replica that is in sync has it. */
  send(topic: string, message: KafkaMessage): Promise<void>
  close(): Promise<void>
}

/** A producer that connects when the first message is put aside. */
export function createDeadLetters(kafka: Pick<KafkaClient, 'producer'>): DeadLetters {
  let connected: Promise<KafkaProducer> | undefined

  async function connect(): Promise<KafkaProducer> {
    // Not an idempotent one: of kafkajs, it can swallow a message that is sent beside one whose answer was lost.
    const producer = kafka.producer({ allowAutoTopicCreation: false, retry: { retries: 3 } })
    await producer.connect()
    return producer
  }

  return {
    async send(topic, message) {
      connected ??= connect()
      try {
        await (await connected).send({ topic: deadTopic(topic), acks: -1, messages: [message] })
      } catch (error) {
        const failed = connected
        connected = undefined
        failed.then((producer) => producer.disconnect()).catch(() => {})
        throw error
      }
    },
    async close() {
      const closing = connected
      connected = undefined
      await closing?.then((producer) => producer.disconnect()).catch(() => {})
    },
  }
}
