import { jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream'
import { connect, headers, type NatsConnection } from '@nats-io/transport-node'
import { consume, publisher } from 'onlyonce/nats'
import type { Consumer } from '../system/messages.ts'
import type { AnyWork, BrokerPlace } from './broker.ts'
import { IN_HAND } from './in-hand.ts'
import { KNOCK_MS, roomAt, roomIn } from './room.ts'
import { deliveryWatch, toTopic, withLostConfirms } from './watched.ts'

const subjectOf = (room: string) => `${room}.order-paid`

function connectTo(server: string): Promise<NatsConnection> {
  const { host, username, password } = new URL(server)
  const user = username === '' ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) }
  return connect({ servers: host, timeout: KNOCK_MS, maxReconnectAttempts: -1, ...user })
}

/** One stream, and a durable consumer for each of ours. */
export const nats: BrokerPlace = {
  async makeRoom(given) {
    const { url, name } = roomAt(given)
    const connection = await connectTo(given)
    const manager = await jetstreamManager(connection)
    await manager.streams.add({ name, subjects: [`${name}.>`], storage: StorageType.File })
    await connection.close()
    return { url, name: `NATS JetStream, in stream ${name}`, remove: () => remove(url) }
  },

  open(setup) {
    const { server, name: room } = roomIn(setup.brokerUrl)
    return {
      async publisher() {
        const publish = publisher({ jetstream: jetstream(await connectTo(server)), headers })
        return withLostConfirms(toTopic(subjectOf(room), publish), setup.seed)
      },
      async consume<Tx>(name: Consumer, work: AnyWork<Tx>) {
        const connection = await connectTo(server)
        const from = { connection, jetstream: jetstream(connection), headers, stream: room }
        consume({ ...work, ...IN_HAND, ...from, onEvent: deliveryWatch(setup, name) })
      },
    }
  },
}

async function remove(url: string): Promise<void> {
  const { server, name } = roomIn(url)
  const connection = await connectTo(server)
  const manager = await jetstreamManager(connection)
  for await (const { config } of manager.streams.list()) {
    // The stream of the run, and those for parked messages.
    if (config.name === name || config.subjects?.some((subject) => subject.includes(`.${name}.`)))
      await manager.streams.delete(config.name)
  }
  await connection.close()
}
