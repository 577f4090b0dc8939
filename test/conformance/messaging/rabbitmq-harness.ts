import { randomUUID } from 'node:crypto'
import { type ChannelModel, type ConfirmChannel, connect } from 'amqplib'
import { launch } from '../../../services/launch.mjs'
import { deadQueue, declareQueues, ORDERING_KEY_HEADER, REASON_HEADER } from '../../../src/messaging/rabbitmq.ts'
import type { SqliteTx } from '../../../src/stores/sqlite/index.ts'
import type { MessagingHarness, ParkedMessage } from '../../../src/testing/index.ts'
import { createProxy } from '../../support/proxy.ts'
import { BASIC_ACK, watchDeliveries } from './amqp-frames.ts'
import { losingAcks, marked } from './losing-acks.ts'
import { type RabbitPlace, rabbitmq } from './rabbitmq.ts'

/** A queue that was declared just now can be lost with its broker; see docs/how-to/rabbitmq.md. */
const YOUNG_MS = 5_000

export function rabbitmqHarness(url: string, worker: string): MessagingHarness<RabbitPlace, SqliteTx> {
  return {
    ...rabbitmq,
    worker,
    traits: {
      ordering: 'consumer',
      coordinates: false,
      publishedAt: true,
      withoutId: true,
      keepsDuplicates: true,
      carriesId: (id) => id !== '' && Buffer.byteLength(id) <= 255,
    },
    offers: ['breakable', 'cut', 'loseAcks', 'refused'],
    async openTopic({ breakable }) {
      const broker = breakable ? await launch('rabbitmq') : undefined
      const direct = broker?.url ?? url
      const proxy = await createProxy(Number(new URL(direct).port))
      const deliveries = watchDeliveries(proxy)
      const queue = `c-${randomUUID().slice(0, 8)}`
      const desk = openDesk(direct, queue)
      await declareQueues(await desk.channel(), queue)
      if (breakable) await new Promise((resolve) => setTimeout(resolve, YOUNG_MS))
      const through = new URL(direct)
      through.port = String(proxy.port)
      const server = broker?.processes[0]
      return {
        place: { url: through.href, queue },
        topic: queue,
        async publish(messages) {
          const channel = await desk.channel()
          for (const { id, body, headers = {}, orderingKey } of messages) {
            const ordering = orderingKey === undefined ? {} : { [ORDERING_KEY_HEADER]: orderingKey }
            channel.sendToQueue(queue, Buffer.from(body), {
              ...(id === undefined ? {} : { messageId: id }),
              persistent: true,
              timestamp: Math.floor(Date.now() / 1_000),
              headers: { ...headers, ...ordering },
            })
          }
          await channel.waitForConfirms()
        },
        depth: async () => (await desk.ready()) + deliveries.unsettled,
        parked: () => desk.parked(),
        refused: (id) => ({ id, topic: `${queue}.nowhere`, body: new Uint8Array(1), headers: {} }),
        faults: {
          cut: async () => {
            proxy.cut()
            proxy.resume()
          },
          loseAcks: async (every) => losingAcks(proxy, marked(BASIC_ACK), every),
          down: async () => server?.kill('SIGKILL'),
          up: async () => server?.restart('immediate'),
        },
        async close() {
          await proxy.close()
          await desk.close()
          await broker?.stop()
        },
      }
    },
  }
}

/** A way to the broker beside the one that is disturbed. */
function openDesk(url: string, queue: string) {
  let connection: ChannelModel | undefined
  let opened: ConfirmChannel | undefined
  const parked: ParkedMessage[] = []
  const names = [queue, ...[1_000, 10_000, 60_000].map((step) => `${queue}.retry-${step}`)]

  async function channel(): Promise<ConfirmChannel> {
    if (opened !== undefined) return opened
    connection = await connect(url)
    connection.on('error', () => {})
    const made = await connection.createConfirmChannel()
    made.on('error', () => {})
    made.on('close', () => {
      if (opened === made) opened = undefined
    })
    opened = made
    return made
  }

  return {
    channel,
    /** RabbitMQ tells a client only of messages that no consumer has. */
    async ready() {
      const one = await channel()
      const counts = await Promise.all(names.map((name) => one.checkQueue(name)))
      return counts.reduce((sum, { messageCount }) => sum + messageCount, 0)
    },
    async parked() {
      const one = await channel()
      for (;;) {
        const message = await one.get(deadQueue(queue), { noAck: true })
        if (message === false) return parked
        const { messageId, headers = {} } = message.properties
        const texts = Object.entries(headers).map(([name, value]) => [name, String(value)] as const)
        parked.push({
          id: typeof messageId === 'string' ? messageId : '',
          reason: String(headers[REASON_HEADER] ?? ''),
          body: message.content,
          headers: Object.fromEntries(texts),
        })
      }
    },
    async close() {
      await connection?.close().catch(() => {})
    },
  }
}
