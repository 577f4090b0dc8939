/** Runs in a process of its own: `worker.mjs URL STREAM LEDGER`. */
import { jetstream } from '@nats-io/jetstream'
import { connect, headers } from '@nats-io/transport-node'
import { onlyonce } from '../../src/index.ts'
import { consume } from '../../src/messaging/nats.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'

const [url = '', stream = '', path = ''] = process.argv.slice(2)
const store = sqliteStore({ path, durability: 'normal', busyTimeoutMs: 20_000 })
const once = onlyonce({ store, scope: 'shop', storeTimeoutMs: 20_000, leaseMs: 1_000 })
const connection = await connect({ servers: url.replace('nats://', ''), maxReconnectAttempts: -1 })

consume({
  once,
  name: 'ledger',
  delivers: 'exactly-once-effect',
  connection,
  jetstream: jetstream(connection),
  headers,
  stream,
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
