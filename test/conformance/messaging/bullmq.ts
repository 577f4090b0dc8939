import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { processor, publisher } from '../../../src/messaging/bullmq.ts'
import type { SqliteTx } from '../../../src/stores/sqlite/index.ts'
import type { MessagingWorker } from '../../../src/testing/index.ts'
import { sqliteLedger } from './sqlite-ledger.ts'

export interface BullPlace {
  readonly url: string
  readonly queue: string
}

export const LOCK_MS = 1_500
/** Jobs of a worker that is gone are found soon, and come again however often that happens. */
const SOON = { lockDuration: LOCK_MS, stalledInterval: 500, maxStalledCount: 1_000, drainDelay: 1 } as const
const CONCURRENCY = 16

export function openBullRedis(url: string): Redis {
  const client = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 100 })
  client.on('error', () => {})
  return client
}

export function openQueue(client: Redis, name: string): Queue {
  const queue = new Queue(name, { connection: client })
  queue.on('error', () => {})
  return queue
}

export const bullmq: MessagingWorker<BullPlace, SqliteTx> = {
  ledger: sqliteLedger,
  consume({ url, queue }, { concurrency = CONCURRENCY, prefetch: _, ...options }) {
    const handle = processor<SqliteTx>(options as never)
    const client = openBullRedis(url)
    let running = 0
    const run: typeof handle = Object.assign(async (...args: Parameters<typeof handle>) => {
      running++
      await handle(...args).finally(() => running--)
    }, handle)
    const worker = new Worker(queue, run, { ...SOON, connection: client, concurrency })
    worker.on('error', () => {})
    let stopped: Promise<void> | undefined
    const stop = () => {
      stopped ??= handle.stop(worker).finally(() => client.disconnect())
      return stopped
    }
    return {
      stop,
      // Told not to wait for what runs, it would not take back its question for the next job.
      pause: () => worker.pause(),
      resume: () => worker.resume(),
      readmit: handle.readmit,
      get running() {
        return running
      },
      [Symbol.asyncDispose]: stop,
    }
  },
  publisher({ url, queue: name }) {
    const client = openBullRedis(url)
    const queue = openQueue(client, name)
    return {
      publish: publisher({ queue }),
      async close() {
        await queue.close()
        client.disconnect()
      },
    }
  },
}
