/** Runs in a process of its own: `worker.mjs URL QUEUE LEDGER`. */
import { connect } from 'amqplib'
import { consume } from '../../src/messaging/rabbitmq.ts'
import { engineOn, storeAt } from './ledger-store.ts'
import { recordOrDie, rules } from './ledger-worker.ts'

const [url = '', queue = '', path = ''] = process.argv.slice(2)
const once = engineOn(storeAt(path))

consume({
  ...rules,
  once,
  connection: () => connect(url),
  queue,
  concurrency: 4,
  handle: recordOrDie,
})
