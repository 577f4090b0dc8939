import { Kafka, type KafkaConfig, logLevel } from 'kafkajs'
import { consume, deadTopic, publisher } from 'onlyonce/kafka'
import { CONSUMERS, type Consumer } from '../system/messages.ts'
import type { AnyWork, BrokerPlace } from './broker.ts'
import { IN_HAND } from './in-hand.ts'
import { KNOCK_MS, refusePassword, roomAt, roomIn } from './room.ts'
import { deliveryWatch, toTopic, withLostConfirms } from './watched.ts'

const PARTITIONS = 6
/** A killed member is noticed after the shortest session timeout that a broker allows by default. */
const GROUP = { sessionTimeout: 6_000, heartbeatInterval: 1_000 }

const groupOf = (room: string, name: Consumer) => `${room}-${name}`

function clientOf(server: string, limits: Pick<KafkaConfig, 'requestTimeout' | 'retry'> = {}): Kafka {
  process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'
  const { host } = new URL(server)
  return new Kafka({ clientId: 'onlyonce-demo', brokers: [host], ...limits, logLevel: logLevel.NOTHING })
}

/** One topic, and a group for each consumer. */
export const kafka: BrokerPlace = {
  async makeRoom(given) {
    refusePassword(given)
    const { url, name } = roomAt(given)
    await knock(given)
    const admin = clientOf(given).admin()
    await admin.connect()
    const topics = [name, deadTopic(name)].map((topic) => ({ topic, numPartitions: PARTITIONS }))
    await admin.createTopics({ waitForLeaders: true, topics })
    await admin.disconnect()
    return { url, name: `Kafka, in topic ${name}`, remove: () => remove(url) }
  },

  open(setup) {
    const { server, name: room } = roomIn(setup.brokerUrl)
    return {
      async publisher() {
        const client = clientOf(server)
        const producer = () => client.producer({ idempotent: true, maxInFlightRequests: 1 })
        return withLostConfirms(toTopic(room, publisher({ producer, kafka: client })), setup.seed)
      },
      async consume<Tx>(name: Consumer, work: AnyWork<Tx>) {
        const from = { kafka: clientOf(server), topic: room, groupId: groupOf(room, name), consumer: GROUP }
        consume({ ...work, ...IN_HAND, ...from, onEvent: deliveryWatch(setup, name) })
      },
    }
  },
}

/** Checks the server with short limits, because it may not be there. */
async function knock(server: string): Promise<void> {
  const admin = clientOf(server, { requestTimeout: KNOCK_MS, retry: { retries: 1 } }).admin()
  await admin.connect()
  await admin.disconnect()
}

async function remove(url: string): Promise<void> {
  const { server, name } = roomIn(url)
  const admin = clientOf(server).admin()
  await admin.connect()
  await admin.deleteTopics({ topics: [name, deadTopic(name)] })
  // A group whose member was just killed is not empty yet; the broker removes it later.
  await admin.deleteGroups(CONSUMERS.map((one) => groupOf(name, one))).catch(() => {})
  await admin.disconnect()
}
