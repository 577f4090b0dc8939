import { checkedName } from '../../core/option-rules.ts'
import { CONSUMER_HEADER, REASON_HEADER, SOURCE_HEADER } from '../headers.ts'
import type { KafkaClient, KafkaMessage, KafkaProducer, KafkaSender } from './client.ts'
import { BODY_OMITTED_HEADER } from './message.ts'
import { isTooLong } from './refusal.ts'

/** Where messages of `topic` are put aside. */
export const deadTopic = (topic: string): string => `${checkedName('topic', topic)}.dead`

export interface DeadLetters {
  /** Resolves when all in-sync replicas have it. */
  send(topic: string, message: KafkaMessage): Promise<void>
  close(): Promise<void>
}

/** A producer, and the number of copies it is sending. */
interface Line {
  readonly producer: Promise<KafkaProducer>
  sending: number
}

const hangUp = ({ producer }: Line): Promise<void> => producer.then((one) => one.disconnect()).catch(() => {})

/** A producer that connects when the first message is put aside. */
export function createDeadLetters(kafka: Pick<KafkaClient, 'producer'>): DeadLetters {
  let current: Line | undefined

  async function connect(): Promise<KafkaProducer> {
    // Not idempotent: kafkajs can then swallow a message that is sent concurrently with one whose answer was lost.
    const producer = kafka.producer({ allowAutoTopicCreation: false, retry: { retries: 3 } })
    await producer.connect()
    return producer
  }

  return {
    async send(topic, message) {
      current ??= { producer: connect(), sending: 0 }
      const line = current
      line.sending++
      try {
        await sendCopy(await line.producer, deadTopic(topic), message)
      } catch (error) {
        // The first of several concurrent copies that fails retires the producer; later copies get a new one.
        if (current === line) current = undefined
        throw error
      } finally {
        line.sending--
        if (line !== current && line.sending === 0) void hangUp(line)
      }
    },
    async close() {
      const closing = current
      current = undefined
      if (closing !== undefined) await hangUp(closing)
    },
  }
}

/**
 * Sends the copy of a message; if it is too long for the topic, without its body, and at last only its labels. A copy
 * refused for good would keep everything behind its message from being committed.
 */
export async function sendCopy(sender: KafkaSender, topic: string, copy: KafkaMessage): Promise<void> {
  const { key, headers = {} } = copy
  const omitted = { [BODY_OMITTED_HEADER]: 'too-long' }
  const withoutBody: KafkaMessage = { key: key ?? null, value: null, headers: { ...headers, ...omitted } }
  const labels = [CONSUMER_HEADER, SOURCE_HEADER, REASON_HEADER].map((name) => [name, headers[name]])
  const label: KafkaMessage = { key: null, value: null, headers: { ...Object.fromEntries(labels), ...omitted } }
  for (const one of [copy, withoutBody]) {
    try {
      await sender.send({ topic, acks: -1, messages: [one] })
      return
    } catch (error) {
      if (!isTooLong(error)) throw error
    }
  }
  await sender.send({ topic, acks: -1, messages: [label] })
}
