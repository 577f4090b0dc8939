import { randomUUID } from 'node:crypto'
import { type ChannelModel, type ConfirmChannel, connect, type GetMessage } from 'amqplib'
import { deadQueue, declareQueues, ORDERING_KEY_HEADER } from '../../src/messaging/rabbitmq.ts'
import { tidily } from '../support/leftovers.ts'
import { openLedger } from './ledger.ts'

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
  const ledger = await openLedger()

  async function publish(ids: readonly string[], orderingKey?: string): Promise<void> {
    const headers = orderingKey === undefined ? {} : { [ORDERING_KEY_HEADER]: orderingKey }
    for (const messageId of ids) {
      channel.sendToQueue(queue, Buffer.from(`body of ${messageId}`), { messageId, persistent: true, headers })
    }
    await channel.waitForConfirms()
  }
  const count = async (name = queue) => (await channel.checkQueue(name)).messageCount
  const dead = async (): Promise<GetMessage | undefined> =>
    (await channel.get(deadQueue(queue), { noAck: true })) || undefined
  return { queue, channel, publish, count, dead, ...ledger }
}
