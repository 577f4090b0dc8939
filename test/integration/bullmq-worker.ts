/** Runs in a process of its own: `worker.mjs consume|relay URL QUEUE LEDGER`. */
import { existsSync, writeFileSync } from 'node:fs'
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { onlyonce } from '../../src/index.ts'
import { processor, publisher } from '../../src/messaging/bullmq.ts'
import { relay } from '../../src/outbox/relay.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'

const [role = '', url = '', name = '', path = ''] = process.argv.slice(2)
const store = sqliteStore({ path, durability: 'normal', busyTimeoutMs: 20_000 })
const connection = new Redis(url, { maxRetriesPerRequest: null })

if (role === 'consume') {
  const handle = processor({
    once: onlyonce({ store, scope: 'shop', storeTimeoutMs: 20_000, leaseMs: 1_000 }),
    name: 'ledger',
    delivers: 'exactly-once-effect',
    maxAttempts: 3,
    backoffMs: 5,
    maxBackoffMs: 50,
    handle: async ({ id }, tx) => {
      tx.prepare('INSERT INTO effects (id) VALUES (?)').run(id)
      await new Promise((resolve) => setTimeout(resolve, 20))
      // As a process dies that runs out of memory: with no last word, and with others at work beside it.
      if (id === 'killer') process.kill(process.pid, 'SIGKILL')
    },
  })
  new Worker(name, handle, {
    ...{ connection, concurrency: 4, lockDuration: 1_000, stalledInterval: 500, maxStalledCount: 1_000, drainDelay: 1 },
  })
} else {
  const queue = new Queue(name, { connection })
  const send = publisher({ queue })
  const flag = `${path}.killed`
  const running = relay({
    store,
    leaseMs: 1_000,
    publish: async (batch) => {
      const results = await send(batch)
      // Sent, and nobody wrote it down.
      if (!existsSync(flag)) {
        writeFileSync(flag, '')
        process.kill(process.pid, 'SIGKILL')
      }
      return results
    },
  })
  running.start()
  await running.drained()
  await running.stop()
  await queue.close()
  connection.disconnect()
}
