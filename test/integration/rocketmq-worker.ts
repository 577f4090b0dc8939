/** Runs in a process of its own: `worker.mjs URL TOPIC GROUP LEDGER`. */
import { consume } from '../../src/messaging/rocketmq.ts'
import { engineOn, storeAt } from './ledger-store.ts'
import { recordOrDie, rules } from './ledger-worker.ts'
import { openConsumer, openProducer } from './rocketmq-clients.ts'

const [url = '', topic = '', group = '', path = ''] = process.argv.slice(2)
const once = engineOn(storeAt(path))

// The client throws from a timer of its own when its broker goes away.
process.on('uncaughtException', (error) => process.send?.({ verb: 'uncaught', reason: String(error) }))

const consumer = consume({
  ...rules,
  once,
  consumer: () => openConsumer(url, topic, group),
  producer: await openProducer(url, topic),
  concurrency: 4,
  // One kill from outside: see `attemptsBeside`. The broker takes its time for each.
  maxAttempts: 4,
  handle: recordOrDie,
  onEvent: (event) => {
    if (event.type === 'settled') process.send?.({ verb: 'settled', reason: event.delivery.id })
    else process.send?.({ verb: event.verb, reason: String(event.error) })
  },
})
process.on('message', (message) => {
  if (message === 'stop') void consumer.stop().then(() => process.send?.('stopped'))
})
