import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import type { RedisStreamsClient } from '../../src/messaging/redis-streams.ts'
import { deadStream, publisher } from '../../src/messaging/redis-streams.ts'
import { tidily } from '../support/leftovers.ts'
import { openLedger } from './ledger.ts'

export function clientOf(url: string): Redis {
  const client = new Redis(url, { retryStrategy: () => 100 })
  client.on('error', () => {})
  return tidily(client, (one) => one.disconnect())
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
