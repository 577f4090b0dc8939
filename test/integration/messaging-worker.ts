/** Runs in a process of its own: `worker.mjs ROLE DIRECTORY MODE`. */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { onlyonce } from '../../src/index.ts'
import { consume, embeddedQueue } from '../../src/messaging/embedded-queue.ts'
import { relay } from '../../src/outbox/outbox.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'

const [role, directory = '', mode] = process.argv.slice(2)
const say = (line: string) => appendFileSync(join(directory, 'log'), `${line}\n`)

const store = sqliteStore({ path: join(directory, 'shop.db'), durability: 'normal', busyTimeoutMs: 20_000 })
const queue = embeddedQueue({
  path: join(directory, 'queue.db'),
  subscriptions: { orders: ['ledger'] },
  durability: 'normal',
  busyTimeoutMs: 20_000,
})
const once = onlyonce({ store, scope: 'shop', storeTimeoutMs: 20_000, leaseMs: 1_000, retentionMs: 600_000 })
const rules = { queue, from: 'ledger', name: 'ledger', once, maxAttempts: 3, backoffMs: 5, maxBackoffMs: 50 } as const

const sleepMs = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Dies as a process does that runs out of memory: with no last word, and with others at work beside it. */
async function dieIfKiller(id: string): Promise<void> {
  if (!id.startsWith('killer')) return
  await sleepMs(20)
  process.kill(process.pid, 'SIGKILL')
}

if (role === 'consumer' && mode === 'exactly-once-effect') {
  consume({
    ...rules,
    delivers: mode,
    concurrency: 4,
    handle: async (message, tx) => {
      say(`start ${message.id}`)
      tx.prepare('INSERT INTO effects (id) VALUES (?)').run(message.id)
      await dieIfKiller(message.id)
      if (message.id.startsWith('poison')) throw new Error('poison')
      if (message.id.startsWith('slow')) await sleepMs(50)
    },
  })
} else if (role === 'consumer') {
  consume({
    ...rules,
    delivers: 'at-least-once',
    concurrency: 4,
    handle: async (message, op) => {
      say(`start ${message.id}`)
      await dieIfKiller(message.id)
      if (message.id.startsWith('poison')) throw new Error('poison')
      if (message.id.startsWith('slow')) await sleepMs(50)
      // The outside knows our key, as a payment gateway does: asked twice, it acts once.
      await store.transaction(async (tx) => {
        tx.prepare('INSERT INTO effects (id) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM effects WHERE id = ?1)').run(
          op.key,
        )
      })
    },
  })
} else if (role === 'relay') {
  relay({
    store,
    name: `relay-${process.pid}`,
    leaseMs: 1_000,
    pollMs: 20,
    batchSize: 10,
    publish: async (batch) => {
      const results = await queue.publish(batch)
      say(`published ${batch.length}`)
      if (mode === 'dies') process.kill(process.pid, 'SIGKILL')
      return results
    },
  }).start()
}
