/** Runs in a process of its own: `worker.mjs KIND URL PLACE QUEUE`. Handles batches, and dies of some messages. */
import { onlyonce } from '../../src/index.ts'
import { consume, embeddedQueue } from '../../src/messaging/embedded-queue.ts'
import { openBatchShop, type ShopKind } from './batch-shop.ts'

const [kind, url = '', place = '', path = ''] = process.argv.slice(2)
const shop = openBatchShop(kind as ShopKind, url, place)
const queue = embeddedQueue({ path, subscriptions: {}, durability: 'normal', busyTimeoutMs: 20_000 })

consume({
  queue,
  from: 'orders',
  name: 'ledger',
  once: onlyonce({ store: shop.store, scope: 'shop', leaseMs: 1_000, storeTimeoutMs: 20_000 }),
  delivers: 'exactly-once-effect',
  batch: { maxSize: 50, maxWaitMs: 20 },
  maxAttempts: 2,
  backoffMs: 5,
  maxBackoffMs: 50,
  async handle(messages, tx) {
    await shop.insert(
      tx,
      messages.map(({ id }) => id),
    )
    await shop.pay(
      tx,
      messages.map(({ id }) => id.length % 5),
    )
    // As a process dies that runs out of memory: with no last word, in the middle of a batch.
    if (messages.some(({ id }) => id === 'killer')) process.kill(process.pid, 'SIGKILL')
    if (messages.some(({ id }) => id === 'poison')) throw new Error('poison')
  },
})
