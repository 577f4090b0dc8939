import { createHash, randomUUID } from 'node:crypto'
import { launch } from '../../../services/launch.mjs'
import { SOURCE } from '../../../src/messaging/redis-streams/scripts/source.ts'
import { deadStream } from '../../../src/messaging/redis-streams.ts'
import type { SqliteTx } from '../../../src/stores/sqlite/index.ts'
import type { MessagingHarness, ParkedMessage } from '../../../src/testing/index.ts'
import { createProxy } from '../../support/proxy.ts'
import { losingAcks, marked } from './losing-acks.ts'
import { openRedis, redisStreams, type StreamPlace } from './redis-streams.ts'

/** How the script that acknowledges is called. */
const ACK = createHash('sha1')
  .update(SOURCE.owner + SOURCE.ack)
  .digest('hex')

export function redisStreamsHarness(url: string, worker: string): MessagingHarness<StreamPlace, SqliteTx> {
  return {
    ...redisStreams,
    worker,
    traits: {
      ordering: 'consumer',
      coordinates: true,
      publishedAt: true,
      withoutId: true,
      keepsDuplicates: true,
    },
    offers: ['breakable', 'cut', 'loseAcks'],
    async openTopic({ breakable }) {
      const broker = breakable ? await launch('redis-aof') : undefined
      const direct = broker?.url ?? url
      const proxy = await createProxy(Number(new URL(direct).port))
      const stream = `c-${randomUUID().slice(0, 8)}`
      const client = openRedis(direct)
      const through = new URL(direct)
      through.port = String(proxy.port)
      const server = broker?.processes[0]
      return {
        place: { url: through.href, stream },
        topic: stream,
        async publish(messages) {
          for (const { id, body, headers = {}, orderingKey } of messages) {
            const own = id === undefined ? [] : ['id', id]
            const order = orderingKey === undefined ? [] : ['orderingKey', orderingKey]
            const fields = [...own, 'body', Buffer.from(body), 'headers', JSON.stringify(headers), ...order]
            await client.xadd(stream, '*', ...fields)
          }
        },
        async depth() {
          const groups = (await client.xinfo('GROUPS', stream).catch(() => [])) as unknown[][]
          if (groups.length === 0) return client.xlen(stream)
          const waiting = await Promise.all(groups.map((group) => waitingIn(group)))
          return waiting.reduce((sum, one) => sum + one, 0)
        },
        parked: () => parked(),
        faults: {
          cut: async () => {
            proxy.cut()
            proxy.resume()
          },
          loseAcks: async (every) => losingAcks(proxy, marked(ACK), every),
          down: async () => server?.kill('SIGKILL'),
          up: async () => server?.restart('immediate'),
        },
        async close() {
          await proxy.close()
          client.disconnect()
          await broker?.stop()
        },
      }

      /** Delivered and not acknowledged, and not delivered yet. */
      async function waitingIn(group: unknown[]): Promise<number> {
        const facts = new Map<unknown, unknown>()
        for (let at = 0; at < group.length; at += 2) facts.set(group[at], group[at + 1])
        const after = `(${String(facts.get('last-delivered-id'))}`
        const undelivered = await client.xrange(stream, after, '+')
        return Number(facts.get('pending')) + undelivered.length
      }

      async function parked(): Promise<readonly ParkedMessage[]> {
        const found = await client.xrangeBuffer(deadStream(stream), '-', '+')
        return found.map(([, fields]) => {
          const values = new Map<string, Buffer>()
          for (let at = 0; at < fields.length; at += 2) values.set(String(fields[at]), fields[at + 1] as Buffer)
          const texts = Object.fromEntries([...values].map(([name, value]) => [name, String(value)]))
          const text = (name: string) => values.get(name)?.toString() ?? ''
          return {
            id: text('id'),
            reason: text('reason') || text('onlyonce-reason'),
            body: values.get('body') ?? new Uint8Array(0),
            headers: { ...texts, ...(JSON.parse(text('headers') || '{}') as Record<string, string>) },
          }
        })
      }
    },
  }
}
