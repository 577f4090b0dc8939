/** Runs in a process of its own: `worker.mjs URL QUEUE LEDGER ATTEMPTS`. */
import { connect } from 'amqplib'
import { consume } from '../../src/messaging/rabbitmq.ts'
import { engineOn, storeAt } from './ledger-store.ts'
import { recordOrDie, rules } from './ledger-worker.ts'

const [url = '', queue = '', path = '', attempts = ''] = process.argv.slice(2)
const once = engineOn(storeAt(path))

consume({
  ...rules,
  maxAttempts: Number(attempts),
  once,
  connection: () => connect(url),
  queue,
  concurrency: 4,
  handle: recordOrDie,
})
