/** Runs in a process of its own: `worker.mjs METHOD DIRECTORY 'MODE STORE-URL'`. */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import { onlyonce } from '../../src/index.ts'
import { embeddedQueue } from '../../src/messaging/embedded-queue.ts'
import { type PublishOnceOptions, publishOnce } from '../../src/outbox/outbox.ts'
import { openStore } from '../../src/stores/open.ts'

const [method, directory = '', asked = ''] = process.argv.slice(2)
const [mode, url = ''] = asked.split(' ')
const say = (line: string) => appendFileSync(join(directory, 'log'), `${line}\n`)

const path = join(directory, 'queue.db')
const queue = embeddedQueue({
  path,
  subscriptions: { orders: ['ledger'] },
  durability: 'normal',
  busyTimeoutMs: 20_000,
})
const store = await openStore(url)
const once = onlyonce({ store, scope: 'shop', leaseMs: 1_000, storeTimeoutMs: 20_000 })

const publish: PublishOnceOptions['publish'] = async (batch) => {
  const results = await queue.publish(batch)
  // The window of the article: sent, and nobody has written it down.
  if (mode === 'dies') process.kill(process.pid, 'SIGKILL')
  return results
}
const alreadyPublished: PublishOnceOptions['alreadyPublished'] = (_, { id }) =>
  new Database(path).prepare('SELECT 1 AS found FROM onlyonce_queue WHERE id = ?').get(id) !== undefined

const methods: Readonly<Record<string, PublishOnceOptions>> = {
  state: { publish, once, onInFlight: 'wait', waitMs: 30_000 },
  hold: { publish, once, onInFlight: 'wait', waitMs: 30_000, onAbandoned: 'hold' },
  judgement: { publish, scope: 'shop', alreadyPublished },
  both: { publish, once, onInFlight: 'wait', waitMs: 30_000, alreadyPublished },
}

const message = { topic: 'orders', body: { order: '1100' }, orderingKey: 'order:1100', headers: { a: 'b' } }
try {
  const { duplicate } = await publishOnce(methods[method ?? ''] as PublishOnceOptions)('order:1100', message)
  say(duplicate ? 'was there' : 'sent')
} catch (error) {
  say(String(Object(error).code))
}
await store[Symbol.asyncDispose]()
await queue.close()
