import { randomUUID } from 'node:crypto'
import { type JetStreamManager, jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream'
import { headers, type NatsConnection } from '@nats-io/transport-node'
import { launch } from '../../../services/launch.mjs'
import { ID_HEADER, ORDERING_KEY_HEADER, REASON_HEADER } from '../../../src/messaging/headers.ts'
import type { SqliteTx } from '../../../src/stores/sqlite/index.ts'
import type { MessagingHarness, ParkedMessage } from '../../../src/testing/index.ts'
import { createProxy } from '../../support/proxy.ts'
import { losingAcks, marked } from './losing-acks.ts'
import { type NatsPlace, nats, openNats } from './nats.ts'

/** An acknowledgement is a message to a subject of the server's own. */
const ACK = 'PUB $JS.ACK.'

export function natsHarness(url: string, worker: string): MessagingHarness<NatsPlace, SqliteTx> {
  return {
    ...nats,
    worker,
    traits: {
      ordering: 'consumer',
      coordinates: true,
      publishedAt: true,
      withoutId: true,
      keepsDuplicates: true,
      // A header's value is one line, and blanks around it are not part of it.
      carriesId: (id) => id !== '' && id === id.trim() && !/[\r\n\0]/.test(id),
    },
    offers: ['breakable', 'cut', 'loseAcks', 'refused'],
    async openTopic({ breakable }) {
      const broker = breakable ? await launch('nats') : undefined
      const direct = broker?.url ?? url
      const proxy = await createProxy(Number(new URL(direct).port))
      const stream = `C${randomUUID().slice(0, 8)}`
      const subject = `${stream}.orders`
      const connection = await openNats(direct)
      const manager = await jetstreamManager(connection)
      await manager.streams.add({ name: stream, subjects: [`${stream}.>`], storage: StorageType.File })
      const through = new URL(direct)
      through.port = String(proxy.port)
      const server = broker?.processes[0]
      return {
        place: { url: through.href, stream },
        topic: subject,
        publish: (messages) => publishRaw(connection, subject, messages),
        depth: () => depthOf(manager, stream),
        parked: () => parkedIn(manager, `${stream}-dead`),
        refused: (id) => ({ id, topic: `nowhere.${stream}`, body: new Uint8Array(1), headers: {} }),
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
          await connection.close()
          await broker?.stop()
        },
      }
    },
  }
}

type Raw = Parameters<Awaited<ReturnType<MessagingHarness<NatsPlace, SqliteTx>['openTopic']>>['publish']>[0]

/** Without the server's own deduplication, as a copy that comes after its window does. */
async function publishRaw(connection: NatsConnection, subject: string, messages: Raw): Promise<void> {
  const client = jetstream(connection)
  for (const { id, body, headers: given = {}, orderingKey } of messages) {
    const own = headers()
    for (const [name, value] of Object.entries(given)) own.set(name, value)
    if (id !== undefined) own.set(ID_HEADER, id)
    if (orderingKey !== undefined) own.set(ORDERING_KEY_HEADER, orderingKey)
    await client.publish(subject, body, { headers: own })
  }
}

/** What a durable consumer has before it, or the whole stream where there is none yet. */
async function depthOf(manager: JetStreamManager, stream: string): Promise<number> {
  const names: string[] = []
  for await (const { name } of manager.consumers.list(stream)) names.push(name)
  if (names.length === 0) return (await manager.streams.info(stream)).state.messages
  const all = await Promise.all(names.map((name) => manager.consumers.info(stream, name)))
  return all.reduce((sum, { num_ack_pending, num_pending }) => sum + num_ack_pending + num_pending, 0)
}

async function parkedIn(manager: JetStreamManager, name: string): Promise<readonly ParkedMessage[]> {
  const found: ParkedMessage[] = []
  const { state } = await manager.streams.info(name)
  for (let seq = state.first_seq; state.messages > 0 && seq <= state.last_seq; seq++) {
    const stored = await manager.streams.getMessage(name, { seq })
    if (stored === null) continue
    const own = [...(stored.header ?? [])].map(([header, values]) => [header, values.join(',')] as const)
    const texts = Object.fromEntries(own)
    found.push({
      id: texts[ID_HEADER] ?? '',
      reason: texts[REASON_HEADER] ?? '',
      body: stored.data,
      headers: texts,
    })
  }
  return found
}
