/** Runs in a process of its own: `worker.mjs URL TOPIC LEDGER`. Sends a batch and dies before it is marked as sent. */
import { publisher } from '../../src/messaging/rocketmq.ts'
import { relay } from '../../src/outbox/outbox.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'
import { openProducer } from './rocketmq-clients.ts'

const [url = '', topic = '', path = ''] = process.argv.slice(2)
const store = sqliteStore({ path, durability: 'normal', busyTimeoutMs: 20_000 })
const publish = publisher({ producer: await openProducer(url, topic), fifo: false })

relay({
  store,
  name: `relay-${process.pid}`,
  leaseMs: 1_000,
  pollMs: 20,
  batchSize: 10,
  publish: async (batch) => {
    await publish(batch)
    process.kill(process.pid, 'SIGKILL')
    return []
  },
}).start()
