/** Runs in a process of its own: `worker.mjs URL TOPIC LEDGER`. */
import { appendFileSync } from 'node:fs'
import { Kafka, logLevel } from 'kafkajs'
import { consume } from '../../src/messaging/kafka.ts'
import { engineOn, storeAt } from './ledger-store.ts'
import { recordOrDie, rules } from './ledger-worker.ts'

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'
const [url = '', topic = '', path = ''] = process.argv.slice(2)
const once = engineOn(storeAt(path), { retentionMs: 10 ** 9 })
const kafka = new Kafka({ clientId: 'worker', brokers: [url.replace('kafka://', '')], logLevel: logLevel.NOTHING })

const consumer = consume({
  ...rules,
  once,
  kafka,
  topic,
  groupId: `ledger-${topic}`,
  concurrency: 4,
  consumer: { sessionTimeout: 3_000, heartbeatInterval: 200, maxWaitTimeInMs: 100 },
  handle: recordOrDie,
  onEvent(event) {
    if (event.type !== 'settled' || event.verdict.kind !== 'ack') return
    appendFileSync(`${path}.settled`, `${event.delivery.coordinates}\n`)
  },
})
process.once('SIGTERM', () => void consumer.stop().then(() => process.exit(0)))
