import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterEach } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import type { ConsumerEvent, RedisStreamsClient } from '../../src/messaging/redis-streams.ts'
import { deadStream, publisher } from '../../src/messaging/redis-streams.ts'
import { type SqliteTx, sqliteStore } from '../../src/stores/sqlite/index.ts'
import { until } from './messaging-helpers.ts'

const leftovers: (() => unknown)[] = []

afterEach(async () => {
  for (const tidy of leftovers.splice(0).reverse()) await tidy()
})

/** Something to be closed when the test ends, before what was opened earlier. */
export function tidily<T>(thing: T, tidy: (thing: T) => unknown): T {
  leftovers.push(() => tidy(thing))
  return thing
}

export function clientOf(url: string): Redis {
  const client = new Redis(url, { retryStrategy: () => 100 })
  client.on('error', () => {})
  return tidily(client, (one) => one.disconnect())
}

export const record = (id: string, tx: SqliteTx) => tx.prepare('INSERT INTO effects (id) VALUES (?)').run(id)
export const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i + 100}`)

/** A database of its own with a ledger of effects in the store of the consumers. */
export async function openLedger() {
  const directory = tidily(mkdtempSync(join(tmpdir(), 'onlyonce-streams-')), (path) =>
    rmSync(path, { recursive: true }),
  )
  const path = join(directory, 'ledger.db')
  const store = tidily(sqliteStore({ path, durability: 'normal', busyTimeoutMs: 20_000 }), (one) =>
    one[Symbol.asyncDispose](),
  )
  await store.transaction(async (tx) => tx.exec('CREATE TABLE effects (id TEXT)'))
  const once = onlyonce({ store, scope: 'shop', leaseMs: 1_000, storeTimeoutMs: 20_000 })
  const effects = (): Promise<readonly string[]> =>
    store.transaction(async (tx) => {
      const rows = tx.prepare('SELECT id FROM effects ORDER BY rowid').all() as { id: string }[]
      return rows.map(({ id }) => id)
    })
  return { store, once, path, directory, effects }
}

/** A stream of its own, a publisher, and a ledger. */
export async function openDesk(url: string, library: RedisStreamsClient = clientOf(url)) {
  const stream = `t-${randomUUID().slice(0, 8)}`
  const client = clientOf(url)
  const send = publisher({ client: library })
  const ledger = await openLedger()

  async function publish(ids: readonly string[], orderingKey?: string): Promise<void> {
    const order = orderingKey === undefined ? {} : { orderingKey }
    const batch = ids.map((id) => ({ id, topic: stream, body: Buffer.from(`body of ${id}`), headers: {}, ...order }))
    for (const result of await send(batch)) if (!result.ok) throw new Error(result.reason)
  }
  const pending = async (group = 'ledger'): Promise<number> => {
    // There is no group before the first consumer has made it.
    const [count] = (await client.xpending(stream, group).catch(() => [-1])) as [number]
    return count
  }
  /** What was put aside: each with its fields. */
  async function dead(): Promise<Record<string, string>[]> {
    const found = await client.xrange(deadStream(stream), '-', '+')
    return found.map(([, fields]) =>
      Object.fromEntries(fields.flatMap((field, i) => (i % 2 === 0 ? [[field, fields[i + 1] as string]] : []))),
    )
  }
  const consumers = async (group = 'ledger') => (await client.xinfo('CONSUMERS', stream, group)) as unknown[][]
  return { stream, client, send, publish, pending, dead, consumers, ...ledger }
}

/** Waits until so many are settled, and answers `id verdict` of each. */
export async function settledBy(count: number, start: (onEvent: (event: ConsumerEvent) => void) => void) {
  const settled: string[] = []
  start((event) => {
    if (event.type === 'settled') settled.push(`${event.delivery.id} ${event.verdict.kind}`)
  })
  await until(`${count} are settled`, () => settled.length >= count, 30_000)
  return settled
}
