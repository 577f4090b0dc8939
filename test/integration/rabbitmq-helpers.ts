import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ChannelModel, type ConfirmChannel, connect, type GetMessage } from 'amqplib'
import { afterEach } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { deadQueue, declareQueues, ORDERING_KEY_HEADER } from '../../src/messaging/rabbitmq.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'

const leftovers: (() => unknown)[] = []

afterEach(async () => {
  for (const tidy of leftovers.splice(0).reverse()) await tidy()
})

/** Something to be closed when the test ends, before what was opened earlier. */
export function tidily<T>(thing: T, tidy: (thing: T) => unknown): T {
  leftovers.push(() => tidy(thing))
  return thing
}

export async function open(url: string): Promise<ChannelModel> {
  const connection = await connect(url)
  connection.on('error', () => {})
  return connection
}

/** A queue of its own, a publisher, and a ledger of effects in the store of the consumers. */
export async function openDesk(url: string) {
  const queue = `t-${randomUUID().slice(0, 8)}`
  const connection = tidily(await open(url), (one) => one.close().catch(() => {}))
  const channel: ConfirmChannel = await connection.createConfirmChannel()
  channel.on('error', () => {})
  await declareQueues(channel, queue)
  const directory = tidily(mkdtempSync(join(tmpdir(), 'onlyonce-rabbit-')), (path) => rmSync(path, { recursive: true }))
  const path = join(directory, 'ledger.db')
  const store = tidily(sqliteStore({ path, durability: 'normal', busyTimeoutMs: 20_000 }), (one) =>
    one[Symbol.asyncDispose](),
  )
  await store.transaction(async (tx) => tx.exec('CREATE TABLE effects (id TEXT)'))
  const once = onlyonce({ store, scope: 'shop', leaseMs: 1_000, storeTimeoutMs: 20_000 })

  async function publish(ids: readonly string[], orderingKey?: string): Promise<void> {
    const headers = orderingKey === undefined ? {} : { [ORDERING_KEY_HEADER]: orderingKey }
    for (const messageId of ids) {
      channel.sendToQueue(queue, Buffer.from(`body of ${messageId}`), { messageId, persistent: true, headers })
    }
    await channel.waitForConfirms()
  }
  const effects = (): Promise<readonly string[]> =>
    store.transaction(async (tx) => {
      const rows = tx.prepare('SELECT id FROM effects ORDER BY rowid').all() as { id: string }[]
      return rows.map(({ id }) => id)
    })
  const count = async (name = queue) => (await channel.checkQueue(name)).messageCount
  const dead = async (): Promise<GetMessage | undefined> =>
    (await channel.get(deadQueue(queue), { noAck: true })) || undefined
  return { queue, channel, store, once, path, directory, publish, effects, count, dead }
}
