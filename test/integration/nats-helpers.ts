import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConsumerInfo, jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream'
import { connect, headers, type NatsConnection } from '@nats-io/transport-node'
import { afterEach } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { type ConsumerEvent, consume, ORDERING_KEY_HEADER } from '../../src/messaging/nats.ts'
import { type SqliteTx, sqliteStore } from '../../src/stores/sqlite/index.ts'

const leftovers: (() => unknown)[] = []

afterEach(async () => {
  for (const tidy of leftovers.splice(0).reverse()) await tidy()
})

/** Something to be closed when the test ends, before what was opened earlier. */
export function tidily<T>(thing: T, tidy: (thing: T) => unknown): T {
  leftovers.push(() => tidy(thing))
  return thing
}

export async function open(url: string): Promise<NatsConnection> {
  const servers = url.replace('nats://', '')
  const connection = await connect({ servers, maxReconnectAttempts: -1, reconnectTimeWait: 200 })
  return tidily(connection, (one) => one.close().catch(() => {}))
}

/** What every consumer here is given of the client. */
export const clientOf = (connection: NatsConnection) => ({ connection, jetstream: jetstream(connection), headers })

/** A stream of its own, a publisher, and a ledger of effects in the store of the consumers. */
export async function openDesk(url: string) {
  const stream = `T${randomUUID().slice(0, 8)}`
  const subject = `${stream}.orders`
  const connection = await open(url)
  const manager = await jetstreamManager(connection)
  const client = jetstream(connection)
  await manager.streams.add({ name: stream, subjects: [`${stream}.>`], storage: StorageType.File })
  const directory = tidily(mkdtempSync(join(tmpdir(), 'onlyonce-nats-')), (path) => rmSync(path, { recursive: true }))
  const path = join(directory, 'ledger.db')
  const store = tidily(sqliteStore({ path, durability: 'normal', busyTimeoutMs: 20_000 }), (one) =>
    one[Symbol.asyncDispose](),
  )
  await store.transaction(async (tx) => tx.exec('CREATE TABLE effects (id TEXT)'))
  const once = onlyonce({ store, scope: 'shop', leaseMs: 1_000, storeTimeoutMs: 20_000 })

  /** Without the server's own deduplication, as a copy that comes after its window does. */
  async function publish(ids: readonly string[], orderingKey?: string): Promise<void> {
    for (const id of ids) {
      const own = headers()
      own.set('onlyonce-id', id)
      if (orderingKey !== undefined) own.set(ORDERING_KEY_HEADER, orderingKey)
      await client.publish(subject, `body of ${id}`, { headers: own })
    }
  }
  const effects = (): Promise<readonly string[]> =>
    store.transaction(async (tx) => {
      const rows = tx.prepare('SELECT id FROM effects ORDER BY rowid').all() as { id: string }[]
      return rows.map(({ id }) => id)
    })
  const info = (): Promise<ConsumerInfo> => manager.consumers.info(stream, 'ledger')
  const isDone = async () => {
    const { num_ack_pending, num_pending } = await info()
    return num_ack_pending + num_pending === 0
  }
  /** What was put aside, the first first. */
  async function dead() {
    const name = `${stream}-dead`
    const { state } = await manager.streams.info(name)
    const all = []
    for (let seq = state.first_seq; state.messages > 0 && seq <= state.last_seq; seq++) {
      const stored = await manager.streams.getMessage(name, { seq })
      if (stored !== null) {
        const get = (header: string) => stored.header?.get(header)
        all.push({ id: get('onlyonce-id'), reason: get('onlyonce-reason'), data: stored.data, header: stored.header })
      }
    }
    return all
  }
  return { stream, subject, connection, manager, client, store, once, path, publish, effects, info, isDone, dead }
}

const rules = { name: 'ledger', delivers: 'exactly-once-effect', backoffMs: 20, maxBackoffMs: 100 } as const

type Desk = Awaited<ReturnType<typeof openDesk>>
export type Handle = (message: { id: string; redelivered: boolean }, tx: SqliteTx) => unknown

/** A consumer of the desk's stream, and what it said. */
export function start({ once, connection, stream }: Desk, handle: Handle, more: object = {}) {
  const settled: string[] = []
  const failures: string[] = []
  const redelivered: string[] = []
  const onEvent = (event: ConsumerEvent) => {
    if (event.type === 'broker-failed') return void failures.push(`${event.verb} ${event.error}`)
    settled.push(`${event.delivery.id} ${event.verdict.kind}`)
    if (event.delivery.redelivered) redelivered.push(event.delivery.id)
  }
  const options = { ...rules, ...clientOf(connection), once, stream, onEvent, handle, ...more }
  const consumer = tidily(consume(options), (one) => one.stop())
  return { consumer, settled, failures, redelivered }
}
