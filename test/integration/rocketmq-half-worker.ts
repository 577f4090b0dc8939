/** Runs in a process of its own, and dies in the middle: `worker.mjs URL TOPIC LEDGER KEY MOMENT`. */
import { Producer } from 'rocketmq-client-nodejs'
import { onlyonce } from '../../src/index.ts'
import { type RocketTransactionalProducer, transactional } from '../../src/messaging/rocketmq.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'
import { rocketmqOptions } from '../support/rocketmq.ts'

const [url = '', topic = '', path = '', key = '', moment = ''] = process.argv.slice(2)
const store = sqliteStore({ path, durability: 'normal', busyTimeoutMs: 20_000 })
const once = onlyonce({ store, scope: 'shop', storeTimeoutMs: 20_000, leaseMs: 1_000 })
const die = () => process.kill(process.pid, 'SIGKILL')

const halves = transactional({ once })
const producer = new Producer({ ...rocketmqOptions(url), topic, checker: halves.checker })
await producer.startup()

/** The real one, whose process dies as it is about to commit. */
const dying: RocketTransactionalProducer = {
  send: (message, transaction) => producer.send(message, transaction as never),
  beginTransaction() {
    const transaction = producer.beginTransaction()
    return moment === 'before the commit' ? Object.assign(transaction, { commit: async () => void die() }) : transaction
  },
}
await halves.send(dying, key, { topic, body: Buffer.from(`body of ${key}`) }, (tx) => {
  tx.prepare('INSERT INTO effects (id) VALUES (?)').run(key)
  if (moment === 'inside the effect') die()
})
