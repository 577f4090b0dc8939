/** Runs in a process of its own: `worker.mjs consume|relay URL QUEUE LEDGER [ATTEMPTS]`. */
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { processor, publisher } from '../../src/messaging/bullmq.ts'
import { engineOn, storeAt } from './ledger-store.ts'
import { recordOrDie, relayThatDies, rules } from './ledger-worker.ts'

const [role = '', url = '', name = '', path = '', attempts = ''] = process.argv.slice(2)
const store = storeAt(path)
const connection = new Redis(url, { maxRetriesPerRequest: null })

if (role === 'consume') {
  const handle = processor({
    ...rules,
    maxAttempts: Number(attempts),
    once: engineOn(store),
    handle: recordOrDie,
  })
  new Worker(name, handle, {
    ...{ connection, concurrency: 4, lockDuration: 1_000, stalledInterval: 500, maxStalledCount: 1_000, drainDelay: 1 },
  })
} else {
  const queue = new Queue(name, { connection })
  await relayThatDies(store, path, publisher({ queue }))
  await queue.close()
  connection.disconnect()
}
