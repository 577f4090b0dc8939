/** Runs in a process of its own: `worker.mjs URL QUEUE LEDGER`. */
import { connect } from 'amqplib'
import { onlyonce } from '../../src/index.ts'
import { consume } from '../../src/messaging/rabbitmq.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'

const [url = '', queue = '', path = ''] = process.argv.slice(2)
const store = sqliteStore({ path, durability: 'normal', busyTimeoutMs: 20_000 })
const once = onlyonce({ store, scope: 'shop', storeTimeoutMs: 20_000, leaseMs: 1_000 })

consume({
  once,
  name: 'ledger',
  delivers: 'exactly-once-effect',
  connection: () => connect(url),
  queue,
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
