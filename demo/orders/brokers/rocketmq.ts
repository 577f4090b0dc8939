import { connect } from 'node:http2'
import { setTimeout as pause } from 'node:timers/promises'
import { consume, deadTopic, publisher } from 'onlyonce/rocketmq'
import { Producer, SimpleConsumer } from 'rocketmq-client-nodejs'
import { UsageError } from '../options.ts'
import { CONSUMERS, type Consumer } from '../system/messages.ts'
import type { AnyWork, BrokerPlace } from './broker.ts'
import { IN_HAND } from './in-hand.ts'
import { type RocketmqAdmin, rocketmqAdmin } from './rocketmq-admin.ts'
import { KNOCK_MS, refusePassword, roomAt, roomIn } from './room.ts'
import { deliveryWatch, toTopic, withLostConfirms } from './watched.ts'

const QUEUES = 4
/** The proxy refuses a shorter wait. */
const AWAIT_MS = 5_000
const START_MS = 15_000

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const optionsOf = (server: string) => ({ endpoints: new URL(server).host, namespace: '', logger: silent })
const topicsOf = (room: string) => [room, deadTopic(room)]
const groupOf = (room: string, name: Consumer) => `${room}-${name}`

/** One topic, and a group for each consumer. */
export const rocketmq: BrokerPlace = {
  async makeRoom(given) {
    refusePassword(given)
    const { url, name } = roomAt(given)
    const admin = await adminOf(given)
    await knock(new URL(given).host)
    for (const topic of topicsOf(name)) await admin.createTopic(topic, QUEUES)
    return { url, name: `RocketMQ, in topic ${name}`, remove: () => remove(url) }
  },

  open(setup) {
    const { server, name: room } = roomIn(setup.brokerUrl)
    return {
      async publisher() {
        const publish = publisher({ producer: await producerOf(server, room), fifo: false })
        return withLostConfirms(toTopic(room, publish), setup.seed)
      },
      async consume<Tx>(name: Consumer, work: AnyWork<Tx>) {
        const subscriptions = new Map([[room, '*']])
        const group = { consumerGroup: groupOf(room, name), subscriptions, awaitDuration: AWAIT_MS }
        const consumer = () => started(new SimpleConsumer({ ...optionsOf(server), ...group }))
        const from = { consumer, producer: await producerOf(server, room) }
        consume({ ...work, ...IN_HAND, ...from, onEvent: deliveryWatch(setup, name) })
      },
    }
  },
}

function producerOf(server: string, room: string): Promise<Producer> {
  return started(new Producer({ ...optionsOf(server), topics: topicsOf(room) }))
}

/** If the proxy does not answer its first request, the client would wait five minutes before it retries. */
async function started<Client extends { startup(): Promise<void> }>(client: Client): Promise<Client> {
  const late = pause(START_MS, undefined, { ref: false }).then(() => {
    throw new Error(`the proxy did not answer within ${START_MS} ms`)
  })
  await Promise.race([client.startup(), late])
  return client
}

/** Topics cannot be created through the proxy. @throws UsageError when the URL does not name the name server */
function adminOf(url: string): Promise<RocketmqAdmin> {
  const nameServer = new URL(url).searchParams.get('namesrv') ?? ''
  if (/^[^:/]+:\d+$/.test(nameServer)) return rocketmqAdmin(nameServer)
  throw new UsageError('--broker must say where the name server is: rocketmq://proxy:port?namesrv=host:port')
}

async function remove(url: string): Promise<void> {
  const { server, name } = roomIn(url)
  const admin = await adminOf(server)
  const groups = CONSUMERS.map((one) => groupOf(name, one))
  for (const group of groups) await admin.removeGroup(group)
  // The broker creates one more topic for each group with redelivered messages.
  for (const topic of [...topicsOf(name), ...groups.map((group) => `%RETRY%${group}_${name}`)])
    await admin.removeTopic(topic)
}

/**
 * Checks the proxy, which is not the server that creates topics. Not by its client, which keeps the process alive for
 * minutes after its shutdown.
 */
function knock(proxy: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://${proxy}`)
    const fail = (why: string) => {
      session.destroy()
      reject(new Error(`the proxy ${proxy}: ${why}`))
    }
    session.setTimeout(KNOCK_MS, () => fail(`no answer within ${KNOCK_MS} ms`))
    session.on('error', ({ message }) => fail(message)).on('close', () => fail('the connection was closed'))
    session.on('remoteSettings', () => {
      resolve()
      session.destroy()
    })
  })
}
