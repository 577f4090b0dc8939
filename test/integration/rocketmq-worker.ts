/** Runs in a process of its own: `worker.mjs URL TOPIC GROUP LEDGER`. */
import { onlyonce } from '../../src/index.ts'
import { consume } from '../../src/messaging/rocketmq.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'
import { openConsumer, openProducer } from './rocketmq-clients.ts'

const [url = '', topic = '', group = '', path = ''] = process.argv.slice(2)
const store = sqliteStore({ path, durability: 'normal', busyTimeoutMs: 20_000 })
const once = onlyonce({ store, scope: 'shop', storeTimeoutMs: 20_000, leaseMs: 1_000 })

// The client throws from a timer of its own when its broker goes away.
process.on('uncaughtException', (error) => process.send?.({ verb: 'uncaught', reason: String(error) }))

const consumer = consume({
  once,
  name: 'ledger',
  delivers: 'exactly-once-effect',
  consumer: () => openConsumer(url, topic, group),
  producer: await openProducer(url, topic),
  concurrency: 4,
  maxAttempts: 2,
  backoffMs: 5,
  maxBackoffMs: 50,
  handle: async ({ id }, tx) => {
    tx.prepare('INSERT INTO effects (id) VALUES (?)').run(id)
    await new Promise((resolve) => setTimeout(resolve, id.startsWith('slow') ? 200 : 20))
    // As a process dies that runs out of memory: with no last word, and with others at work beside it.
    if (id === 'killer') process.kill(process.pid, 'SIGKILL')
  },
  onEvent: (event) => {
    if (event.type === 'settled') process.send?.({ verb: 'settled', reason: event.delivery.id })
    else process.send?.({ verb: event.verb, reason: String(event.error) })
  },
})
process.on('message', (message) => {
  if (message === 'stop') void consumer.stop().then(() => process.send?.('stopped'))
})
