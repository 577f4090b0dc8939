import { randomUUID } from 'node:crypto'
import { launch } from '../../../services/launch.mjs'
import { type JobData, jobData } from '../../../src/messaging/bullmq.ts'
import type { SqliteTx } from '../../../src/stores/sqlite/index.ts'
import type { LosingAcks, MessagingHarness } from '../../../src/testing/index.ts'
import { createProxy, type FaultProxy } from '../../support/proxy.ts'
import { type BullPlace, bullmq, LOCK_MS, openBullRedis, openQueue } from './bullmq.ts'
import { losingAcks, marked } from './losing-acks.ts'

/** What the script that completes a job is told to write. */
const ACK = '\r\nreturnvalue\r\n'

/** All cases run side by side with worker processes of their own, and every acknowledgement that is lost takes a lock. */
const PATIENCE_MS = 110_000

export function bullmqHarness(url: string, worker: string): MessagingHarness<BullPlace, SqliteTx> {
  return {
    ...bullmq,
    worker,
    patienceMs: PATIENCE_MS,
    traits: {
      ordering: 'none',
      coordinates: true,
      // The time of a job is that of whoever added it.
      publishedAt: false,
      // A job has an id, and what is no message of ours goes by that.
      withoutId: false,
      keepsDuplicates: true,
    },
    offers: ['breakable', 'cut', 'loseAcks'],
    async openTopic({ breakable }) {
      const broker = breakable ? await launch('redis-aof') : undefined
      const direct = broker?.url ?? url
      const proxy = await createProxy(Number(new URL(direct).port))
      const through = new URL(direct)
      through.port = String(proxy.port)
      const name = `c-${randomUUID().slice(0, 8)}`
      const client = openBullRedis(direct)
      const queue = openQueue(client, name)
      const server = broker?.processes[0]
      return {
        place: { url: through.href, queue: name },
        topic: 'paid',
        async publish(messages) {
          for (const { id = '', ...rest } of messages) await queue.add('paid', jobData({ id, ...rest }))
        },
        async depth() {
          const counts = await queue.getJobCounts('wait', 'active', 'delayed', 'prioritized')
          return Object.values(counts).reduce((sum, count) => sum + count, 0)
        },
        async parked() {
          const failed = await queue.getFailed()
          return failed.map(({ data, failedReason }) => {
            const { id, body, encoding, headers } = data as JobData
            return { id, reason: failedReason, body: Buffer.from(body, encoding), headers }
          })
        },
        faults: {
          cut: async () => {
            proxy.cut()
            proxy.resume()
          },
          loseAcks: async (every) => losingLocks(proxy, every),
          down: async () => server?.kill('SIGKILL'),
          up: async () => server?.restart('immediate'),
        },
        async close() {
          await proxy.close()
          await queue.close().catch(() => {})
          client.disconnect()
          await broker?.stop()
        },
      }
    },
  }
}

/** The client sends again what was lost with its connection: only after the lock is over does BullMQ refuse it. */
function losingLocks(proxy: FaultProxy, every: number): LosingAcks {
  const losing = losingAcks(proxy, marked(ACK), every)
  const { onRequest } = proxy
  proxy.onRequest = (chunk, connection) => {
    const verdict = onRequest?.(chunk, connection)
    if (verdict === 'cut') {
      proxy.cut()
      setTimeout(() => proxy.resume(), LOCK_MS + 500)
    }
    return verdict
  }
  return losing
}
