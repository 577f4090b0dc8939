/** Runs in a process of its own: `worker.mjs consume|relay URL STREAM LEDGER [CONSUMER]`. */
import { existsSync, writeFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { onlyonce } from '../../src/index.ts'
import { consume, publisher } from '../../src/messaging/redis-streams.ts'
import { relay } from '../../src/outbox/relay.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'

const [role = '', url = '', stream = '', path = '', consumer] = process.argv.slice(2)
const store = sqliteStore({ path, durability: 'normal', busyTimeoutMs: 20_000 })
const client = new Redis(url)

if (role === 'consume') {
  consume({
    once: onlyonce({ store, scope: 'shop', storeTimeoutMs: 20_000, leaseMs: 1_000 }),
    name: 'ledger',
    delivers: 'exactly-once-effect',
    client,
    stream,
    ...(consumer === undefined ? {} : { consumer }),
    takeOverMs: 2_000,
    concurrency: 4,
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
} else {
  const send = publisher({ client })
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
  client.disconnect()
}
