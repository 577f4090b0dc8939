import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MessageView } from 'rocketmq-client-nodejs'
import { afterAll } from 'vitest'
import type { TopicType } from '../../services/lib/rocketmq.mjs'
import { onlyonce } from '../../src/index.ts'
import { deadTopic, type RocketOutgoing } from '../../src/messaging/rocketmq.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'
import { createTopic } from '../support/rocketmq.ts'
import { patiently } from '../support/round-trip.ts'
import { openConsumer, openProducer } from './rocketmq-clients.ts'

const leftovers: (() => unknown)[] = []
const clients: (() => Promise<unknown>)[] = []

afterAll(async () => {
  // A client may be in the middle of a question of five seconds: all of them together.
  await Promise.allSettled(clients.splice(0).map((end) => end()))
  for (const tidy of leftovers.splice(0).reverse()) await tidy()
})

/** Something to be closed after the last test, before what was opened earlier. */
export function tidily<T>(thing: T, tidy: (thing: T) => unknown): T {
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
  const directory = tidily(mkdtempSync(join(tmpdir(), 'onlyonce-rocket-')), (path) => rmSync(path, { recursive: true }))
  const path = join(directory, 'ledger.db')
  const store = tidily(sqliteStore({ path, durability: 'normal', busyTimeoutMs: 20_000 }), (one) =>
    one[Symbol.asyncDispose](),
  )
  await store.transaction(async (tx) => tx.exec('CREATE TABLE effects (id TEXT)'))
  const once = onlyonce({ store, scope: 'shop', leaseMs: 1_000, storeTimeoutMs: 20_000 })

  async function publish(ids: readonly string[], more: Partial<RocketOutgoing> = {}): Promise<void> {
    for (const id of ids) await producer.send({ topic, body: Buffer.from(`body of ${id}`), keys: [id], ...more })
  }
  const effects = (): Promise<readonly string[]> =>
    store.transaction(async (tx) => {
      const rows = tx.prepare('SELECT id FROM effects ORDER BY rowid').all() as { id: string }[]
      return rows.map(({ id }) => id)
    })
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
  return { topic, group, producer, store, once, path, directory, publish, effects, consumer, read }
}
