import { randomUUID } from 'node:crypto'
import { Queue, Worker, type WorkerOptions } from 'bullmq'
import { Redis } from 'ioredis'
import { type Processor, publisher } from '../../src/messaging/bullmq.ts'
import { tidily } from '../support/leftovers.ts'
import { openLedger } from './ledger.ts'

export const connectionOf = (url: string) => {
  const client = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 100 })
  client.on('error', () => {})
  return tidily(client, (one) => one.disconnect())
}

/** Stalled jobs are found soon, and come again however often that happens. */
export const QUICKLY = { lockDuration: 1_000, stalledInterval: 500, maxStalledCount: 1_000, drainDelay: 1 } as const

/** A queue of its own, a publisher, and a ledger of effects in the store of the workers. */
export async function openDesk(url: string) {
  const name = `t-${randomUUID().slice(0, 8)}`
  const connection = connectionOf(url)
  const queue = tidily(new Queue(name, { connection }), (one) => one.close())
  queue.on('error', () => {})
  const ledger = await openLedger()
  const send = publisher({ queue })

  async function publish(ids: readonly string[]): Promise<void> {
    const batch = ids.map((id) => ({ id, topic: 'paid', body: Buffer.from(`body of ${id}`), headers: {} }))
    for (const result of await send(batch)) if (!result.ok) throw new Error(result.reason)
  }
  /** A worker that runs until the test ends, or is stopped by it. */
  function work(handle: Processor, options: Partial<WorkerOptions> = {}): Worker {
    const worker = new Worker(name, handle, { ...QUICKLY, connection: connectionOf(url), concurrency: 8, ...options })
    worker.on('error', () => {})
    return tidily(worker, () => handle.stop(worker))
  }
  return { name, queue, connection, send, publish, work, ...ledger }
}
