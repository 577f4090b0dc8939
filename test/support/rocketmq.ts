import { Producer, SimpleConsumer } from 'rocketmq-client-nodejs'
import {
  brokersOf,
  createTopic as create,
  createGroup as createConsumers,
  type GroupOptions,
  queueEnd,
  type TopicType,
} from '../../services/lib/rocketmq.mjs'
import { PATIENCE_MS, patiently, type RoundTrip } from './round-trip.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** The client options for `rocketmq://proxy:port?namesrv=host:port`. */
export const rocketmqOptions = (url: string) => ({ endpoints: new URL(url).host, namespace: '', logger: silent })

/** Topics cannot be created through the proxy. Does nothing to an existing topic with the same settings. */
export async function createTopic(url: string, topic: string, type: TopicType = 'NORMAL', queues = 1): Promise<void> {
  await create(await brokerPort(url), topic, type, queues)
}

/** Only for a group with special settings; others are created by their first consumer. */
export async function createGroup(url: string, group: string, options: GroupOptions): Promise<void> {
  await createConsumers(await brokerPort(url), group, options)
}

/** Number of messages ever published to the topic. */
export async function publishedTo(url: string, topic: string, queues = 1): Promise<number> {
  const port = await brokerPort(url)
  const ends = await Promise.all(Array.from({ length: queues }, (_, queue) => queueEnd(port, topic, queue)))
  return ends.reduce((sum, end) => sum + end, 0)
}

async function brokerPort(url: string): Promise<number> {
  const nameServer = Number(new URL(url).searchParams.get('namesrv')?.split(':')[1])
  const [broker] = await brokersOf(nameServer)
  if (broker === undefined) throw new Error('the name server knows no broker')
  return Number(broker.split(':')[1])
}

/** A topic with one queue, and one group that reads it. */
export async function openRocketmq(url: string, topic: string): Promise<RoundTrip> {
  await patiently(() => createTopic(url, topic))
  const options = rocketmqOptions(url)
  const producer = new Producer({ ...options, topic })
  await patiently(() => producer.startup())
  const subscriptions = new Map([[topic, '*']])
  // The proxy refuses a wait of less than 5 s.
  const group = { consumerGroup: `${topic}-readers`, subscriptions, awaitDuration: 5_000 }
  const consumer = new SimpleConsumer({ ...options, ...group })
  await patiently(() => consumer.startup())
  return {
    async publish(text) {
      await patiently(() => producer.send({ topic, body: Buffer.from(text) }))
    },
    async receive() {
      for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
        const [message] = await consumer.receive(1, 30_000)
        if (message === undefined) continue
        await consumer.ack(message)
        return message.body.toString()
      }
      return undefined
    },
    async close() {
      await producer.shutdown()
      await consumer.shutdown()
    },
  }
}
