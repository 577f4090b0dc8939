import { Queue, Worker } from 'bullmq'
import { processor, publisher } from 'onlyonce/bullmq'
import type { Publisher } from 'onlyonce/outbox'
import { CONSUMERS, type Consumer } from '../system/messages.ts'
import type { AnyWork, BrokerPlace } from './broker.ts'
import { IN_HAND, VISIBILITY_MS } from './in-hand.ts'
import { connectRedis, knockAtRedis } from './redis-connection.ts'
import { roomAt, roomIn } from './room.ts'
import { deliveryWatch, withLostConfirms } from './watched.ts'

const queueOf = (room: string, name: Consumer) => `${room}-${name}`

/** A queue for each consumer: BullMQ delivers a job to one worker only. */
export const bullmq: BrokerPlace = {
  async makeRoom(given) {
    const { url, name } = roomAt(given)
    await knockAtRedis(given)
    return { url, name: `BullMQ, in queues ${name}-…`, remove: () => remove(url) }
  },

  open(setup) {
    const { server, name: room } = roomIn(setup.brokerUrl)
    return {
      async publisher() {
        const connection = await connectRedis(server)
        const each = CONSUMERS.map((one) => publisher({ queue: new Queue(queueOf(room, one), { connection }) }))
        return withLostConfirms(toAll(each), setup.seed)
      },
      async consume<Tx>(name: Consumer, work: AnyWork<Tx>) {
        const connection = await connectRedis(server)
        const onEvent = deliveryWatch(setup, name)
        const run = processor({ ...work, onEvent })
        const patience = { lockDuration: VISIBILITY_MS, stalledInterval: VISIBILITY_MS, maxStalledCount: 1_000 }
        const worker = new Worker(queueOf(room, name), run, {
          ...{ connection, concurrency: IN_HAND.concurrency, ...patience },
          removeOnComplete: { count: 0 },
        })
        worker.on('error', () => {})
      },
    }
  },
}

/** A message is published when every queue has it. */
function toAll(publishers: readonly Publisher[]): Publisher {
  return async (batch) => {
    const answers = await Promise.all(publishers.map((publish) => publish(batch)))
    return batch.map((_, nth) => {
      const results = answers.map((one) => one[nth]).filter((one) => one !== undefined)
      return results.find(({ ok }) => !ok) ?? { ok: true }
    })
  }
}

async function remove(url: string): Promise<void> {
  const { server, name } = roomIn(url)
  const connection = await connectRedis(server)
  for (const one of CONSUMERS) await new Queue(queueOf(name, one), { connection }).obliterate({ force: true })
  connection.disconnect()
}
