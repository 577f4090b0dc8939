/** Runs in a process of its own: `worker.mjs URL TOPIC LEDGER`. */
import { appendFileSync } from 'node:fs'
import { Kafka, logLevel } from 'kafkajs'
import { onlyonce } from '../../src/index.ts'
import { consume } from '../../src/messaging/kafka.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'
const [url = '', topic = '', path = ''] = process.argv.slice(2)
const store = sqliteStore({ path, durability: 'normal', busyTimeoutMs: 20_000 })
const once = onlyonce({ store, scope: 'shop', storeTimeoutMs: 20_000, leaseMs: 1_000, retentionMs: 10 ** 9 })
const kafka = new Kafka({ clientId: 'worker', brokers: [url.replace('kafka://', '')], logLevel: logLevel.NOTHING })

const consumer = consume({
  once,
  kafka,
  topic,
  name: 'ledger',
  groupId: `ledger-${topic}`,
  delivers: 'exactly-once-effect',
  concurrency: 4,
  maxAttempts: 3,
  backoffMs: 5,
  maxBackoffMs: 50,
  consumer: { sessionTimeout: 3_000, heartbeatInterval: 200, maxWaitTimeInMs: 100 },
  handle: async ({ id }, tx) => {
    tx.prepare('INSERT INTO effects (id) VALUES (?)').run(id)
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20))
    // As a process dies that runs out of memory: with no last word, and with others at work beside it.
    if (id === 'killer') process.kill(process.pid, 'SIGKILL')
  },
  onEvent(event) {
    if (event.type !== 'settled' || event.verdict.kind !== 'ack') return
    appendFileSync(`${path}.settled`, `${event.delivery.coordinates}\n`)
  },
})
process.once('SIGTERM', () => void consumer.stop().then(() => process.exit(0)))
