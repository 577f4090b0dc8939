import { connect } from 'amqplib'
import { consume, deadQueue, declareQueues, publisher } from 'onlyonce/rabbitmq'
import { CONSUMERS, type Consumer } from '../system/messages.ts'
import type { AnyWork, BrokerPlace } from './broker.ts'
import { IN_HAND } from './in-hand.ts'
import { KNOCK_MS, roomAt, roomIn } from './room.ts'
import { deliveryWatch, withLostConfirms } from './watched.ts'

const queueOf = (room: string, name: Consumer) => `${room}-${name}`
const connectTo = (server: string) => connect(server.replace(/^rabbitmq/, 'amqp'), { timeout: KNOCK_MS })

/** An exchange that copies every message to a queue of each consumer. */
export const rabbitmq: BrokerPlace = {
  async makeRoom(given) {
    const { url, name } = roomAt(given)
    const connection = await connectTo(given)
    const channel = await connection.createConfirmChannel()
    await channel.assertExchange(name, 'fanout', { durable: true })
    for (const queue of CONSUMERS.map((one) => queueOf(name, one))) {
      await declareQueues(channel, queue)
      await channel.bindQueue(queue, name, '')
    }
    await connection.close()
    return { url, name: `RabbitMQ, in queues ${name}-…`, remove: () => remove(url) }
  },

  open(setup) {
    const { server, name: room } = roomIn(setup.brokerUrl)
    const connection = () => connectTo(server)
    return {
      publisher: async () => withLostConfirms(publisher({ connection, exchange: room }), setup.seed),
      async consume<Tx>(name: Consumer, work: AnyWork<Tx>) {
        const onEvent = deliveryWatch(setup, name)
        consume({ ...work, ...IN_HAND, connection, queue: queueOf(room, name), onEvent })
      },
    }
  },
}

async function remove(url: string): Promise<void> {
  const { server, name } = roomIn(url)
  const connection = await connectTo(server)
  const channel = await connection.createChannel()
  for (const queue of CONSUMERS.map((one) => queueOf(name, one))) {
    const waits = [1_000, 10_000, 60_000].map((ms) => `${queue}.retry-${ms}`)
    for (const one of [queue, deadQueue(queue), ...waits]) await channel.deleteQueue(one)
  }
  await channel.deleteExchange(name)
  await connection.close()
}
