import { randomUUID } from 'node:crypto'
import type { Admin, Kafka, KafkaMessage } from 'kafkajs'
import { launch } from '../../../services/launch.mjs'
import { ID_HEADER, ORDERING_KEY_HEADER, REASON_HEADER } from '../../../src/messaging/headers.ts'
import { deadTopic } from '../../../src/messaging/kafka.ts'
import type { SqliteTx } from '../../../src/stores/sqlite/index.ts'
import type { MessagingHarness, ParkedMessage } from '../../../src/testing/index.ts'
import { createProxy } from '../../support/proxy.ts'
import { patiently } from '../../support/round-trip.ts'
import { type KafkaPlace, kafka, kafkaAt } from './kafka.ts'
import { losingAcks } from './losing-acks.ts'

const PARTITIONS = 2
/** The api key of OffsetCommit. The client writes one request at a time, its size before it. */
const OFFSET_COMMIT = 8
const isCommit = (chunk: Buffer) => (chunk.length > 8 && chunk.readInt16BE(4) === OFFSET_COMMIT ? 1 : 0)

export function kafkaHarness(url: string, worker: string): MessagingHarness<KafkaPlace, SqliteTx> {
  return {
    ...kafka,
    worker,
    traits: {
      ordering: 'consumers',
      coordinates: true,
      publishedAt: true,
      withoutId: true,
      keepsDuplicates: true,
      consumers: PARTITIONS,
    },
    offers: ['breakable', 'cut', 'loseAcks', 'refused'],
    async openTopic({ breakable }) {
      const broker = breakable ? await launch('kafka') : undefined
      const port = Number(new URL((broker?.url ?? url).replace('kafka:', 'http:')).port)
      const proxy = await createProxy(port)
      const topic = `c-${randomUUID().slice(0, 8)}`
      const client = kafkaAt(port)
      const admin = client.admin()
      await admin.connect()
      // A broker with many new topics at once does not know at once what it leads.
      await patiently(() => admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }] }))
      await patiently(() => admin.fetchTopicOffsets(topic))
      const producer = client.producer()
      await producer.connect()
      const server = broker?.processes[0]
      return {
        place: { port: proxy.port, topic },
        topic,
        async publish(messages) {
          await producer.send({
            topic,
            acks: -1,
            messages: messages.map(({ id, body, headers = {}, orderingKey }) => ({
              key: orderingKey ?? null,
              value: Buffer.from(body),
              headers: {
                ...headers,
                ...(id === undefined ? {} : { [ID_HEADER]: id }),
                ...(orderingKey === undefined ? {} : { [ORDERING_KEY_HEADER]: orderingKey }),
              },
            })),
          })
        },
        depth: () => behind(admin, topic),
        parked: () => parkedIn(client, admin, deadTopic(topic)),
        refused: (id) => ({ id, topic, body: new Uint8Array(3 * 1024 * 1024), headers: {} }),
        faults: {
          cut: async () => {
            proxy.cut()
            proxy.resume()
          },
          loseAcks: async (every) => losingAcks(proxy, isCommit, every),
          down: async () => server?.kill('SIGKILL'),
          up: async () => server?.restart('immediate'),
        },
        async close() {
          await proxy.close()
          await producer.disconnect().catch(() => {})
          await admin.disconnect().catch(() => {})
          await broker?.stop()
        },
      }
    },
  }
}

/** What the groups of the topic have not committed, or all of it where there is none yet. */
async function behind(admin: Admin, topic: string): Promise<number> {
  const ends = await admin.fetchTopicOffsets(topic)
  const all = ends.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0)
  const { groups } = await admin.listGroups()
  const own = groups.map(({ groupId }) => groupId).filter((groupId) => groupId.endsWith(`-${topic}`))
  if (own.length === 0) return all
  let sum = 0
  for (const groupId of own) {
    const [of] = await admin.fetchOffsets({ groupId, topics: [topic] })
    const done = of?.partitions.reduce((total, { offset }) => total + Math.max(0, Number(offset)), 0) ?? 0
    sum += all - done
  }
  return sum
}

async function parkedIn(client: Kafka, admin: Admin, topic: string): Promise<readonly ParkedMessage[]> {
  if (!(await admin.listTopics()).includes(topic)) return []
  const ends = await patiently(() => admin.fetchTopicOffsets(topic))
  const count = ends.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0)
  if (count === 0) return []
  const consumer = client.consumer({ groupId: `reader-${randomUUID()}`, maxWaitTimeInMs: 100 })
  await consumer.connect()
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    const found: ParkedMessage[] = []
    await new Promise<void>((resolve, reject) => {
      const eachMessage = async ({ message }: { message: KafkaMessage }) => {
        if (found.push(parkedOf(message)) >= count) resolve()
      }
      consumer.run({ autoCommit: false, eachMessage }).catch(reject)
    })
    return found
  } finally {
    await consumer.disconnect()
  }
}

function parkedOf({ value, headers = {} }: KafkaMessage): ParkedMessage {
  const texts = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, String(text)]))
  const { [ID_HEADER]: id = '', [REASON_HEADER]: reason = '' } = texts
  return { id, reason, body: value ?? new Uint8Array(0), headers: texts }
}
