import { randomUUID } from 'node:crypto'
import type { MessageView } from 'rocketmq-client-nodejs'
import { afterAll } from 'vitest'
import type { TopicType } from '../../services/lib/rocketmq.mjs'
import { deadTopic, type RocketOutgoing } from '../../src/messaging/rocketmq.ts'
import { createTopic } from '../support/rocketmq.ts'
import { patiently } from '../support/round-trip.ts'
import { openLedger } from './ledger.ts'
import { openConsumer, openProducer } from './rocketmq-clients.ts'

const leftovers: (() => unknown)[] = []
const clients: (() => Promise<unknown>)[] = []

afterAll(async () => {
  // A client may be in the middle of a question of five seconds: all of them together.
  await Promise.allSettled(clients.splice(0).map((end) => end()))
  for (const tidy of leftovers.splice(0).reverse()) await tidy()
})

/** Something to be closed after the last test, before what was opened earlier: clients may use it until they end. */
export function keep<T>(thing: T, tidy: (thing: T) => unknown): T {
  leftovers.push(() => tidy(thing))
  return thing
}

/** Something that takes long to end: together with its like, before everything else. */
export function atLast<T>(thing: T, end: (thing: T) => Promise<unknown>): T {
  clients.push(() => end(thing))
  return thing
}

/** Topics of its own, a producer, and a ledger of effects in the store of the consumers. */
export async function openDesk(url: string, type: TopicType = 'NORMAL') {
  const topic = `t-${randomUUID().slice(0, 8)}`
  const group = `${topic}-ledger`
  await patiently(() => createTopic(url, topic, type))
  await createTopic(url, deadTopic(topic))
  const producer = atLast(await openProducer(url, topic), (one) => one.shutdown())
  const ledger = await openLedger({}, keep)

  async function publish(ids: readonly string[], more: Partial<RocketOutgoing> = {}): Promise<void> {
    for (const id of ids) await producer.send({ topic, body: Buffer.from(`body of ${id}`), keys: [id], ...more })
  }
  const consumer = () => openConsumer(url, topic, group)

  /** What is in a topic, read by a group of its own until `count` are there. */
  async function read(count: number, from = deadTopic(topic)): Promise<readonly MessageView[]> {
    const reader = await openConsumer(url, from, `${from}-${randomUUID().slice(0, 8)}`)
    atLast(reader, (one) => one.shutdown())
    const found: MessageView[] = []
    while (found.length < count) {
      for (const message of await reader.receive(32, 30_000)) {
        found.push(message)
        await reader.ack(message)
      }
    }
    return found
  }
  return { topic, group, producer, publish, consumer, read, ...ledger }
}
