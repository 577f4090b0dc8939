import type { Redis } from 'ioredis'
import { consume, deadStream, publisher } from 'onlyonce/redis-streams'
import type { Consumer } from '../system/messages.ts'
import type { AnyWork, BrokerPlace } from './broker.ts'
import { IN_HAND } from './in-hand.ts'
import { connectRedis, knockAtRedis } from './redis-connection.ts'
import { roomAt, roomIn } from './room.ts'
import { deliveryWatch, toTopic, withLostConfirms } from './watched.ts'

/** One stream, and a group for each consumer. */
export const redisStreams: BrokerPlace = {
  async makeRoom(given) {
    const { url, name } = roomAt(given)
    await knockAtRedis(given)
    return { url, name: `Redis, in stream ${name}`, remove: () => remove(url) }
  },

  open(setup) {
    const { server, name: room } = roomIn(setup.brokerUrl)
    return {
      async publisher() {
        const client: Redis = await connectRedis(server)
        return withLostConfirms(toTopic(room, publisher({ client })), setup.seed)
      },
      async consume<Tx>(name: Consumer, work: AnyWork<Tx>) {
        const client = await connectRedis(server)
        consume({ ...work, ...IN_HAND, client, stream: room, onEvent: deliveryWatch(setup, name) })
      },
    }
  },
}

async function remove(url: string): Promise<void> {
  const { server, name } = roomIn(url)
  const client = await connectRedis(server)
  await client.del(name)
  await client.del(deadStream(name))
  client.disconnect()
}
