import { consume, deadTopic, publisher } from 'onlyonce/rocketmq'
import { Producer, SimpleConsumer } from 'rocketmq-client-nodejs'
import type { Consumer } from '../system/messages.ts'
import type { AnyWork, BrokerPlace } from './broker.ts'
import { IN_HAND } from './in-hand.ts'
import { roomAt, roomIn } from './room.ts'
import { deliveryWatch, toTopic, withLostConfirms } from './watched.ts'

/** Part of a clone of the project, and not of the package: it speaks the protocol of RocketMQ's own tools. */
const ADMIN = new URL('../../../../services/lib/rocketmq.mjs', import.meta.url)
const QUEUES = 4
/** The proxy refuses to wait for less. */
const AWAIT_MS = 5_000

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const optionsOf = (server: string) => ({ endpoints: new URL(server).host, namespace: '', logger: silent })
const groupOf = (room: string, name: Consumer) => `${room}-${name}`

interface Admin {
  brokersOf(nameServerPort: number): Promise<string[]>
  createTopic(brokerPort: number, topic: string, type: 'NORMAL', queues: number): Promise<void>
}

/** One topic, and a group for each consumer. The topic stays: only RocketMQ's own tools remove one. */
export const rocketmq: BrokerPlace = {
  async makeRoom(given) {
    const { url, name } = roomAt(given)
    const port = Number(new URL(given).searchParams.get('namesrv')?.split(':')[1])
    if (!Number.isInteger(port))
      throw new Error('say where its name server is: rocketmq://proxy:port?namesrv=host:port')
    const { brokersOf, createTopic } = (await import(ADMIN.href)) as Admin
    const [broker = ''] = await brokersOf(port)
    for (const topic of [name, deadTopic(name)])
      await createTopic(Number(broker.split(':')[1]), topic, 'NORMAL', QUEUES)
    return { url, name: `RocketMQ, in topic ${name}`, remove: async () => {} }
  },

  open(setup) {
    const { server, name: room } = roomIn(setup.brokerUrl)
    const producerOf = async () => {
      const producer = new Producer({ ...optionsOf(server), topics: [room, deadTopic(room)] })
      await producer.startup()
      return producer
    }
    return {
      async publisher() {
        const publish = publisher({ producer: await producerOf(), fifo: false })
        return withLostConfirms(toTopic(room, publish), setup.seed)
      },
      async consume<Tx>(name: Consumer, work: AnyWork<Tx>) {
        const subscriptions = new Map([[room, '*']])
        const group = { consumerGroup: groupOf(room, name), subscriptions, awaitDuration: AWAIT_MS }
        const consumer = async () => {
          const one = new SimpleConsumer({ ...optionsOf(server), ...group })
          await one.startup()
          return one
        }
        const from = { consumer, producer: await producerOf() }
        consume({ ...work, ...IN_HAND, ...from, onEvent: deliveryWatch(setup, name) })
      },
    }
  },
}
