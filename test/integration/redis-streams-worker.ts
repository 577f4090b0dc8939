/** Runs in a process of its own: `worker.mjs consume|relay URL STREAM LEDGER [CONSUMER]`. */
import { Redis } from 'ioredis'
import { consume, publisher } from '../../src/messaging/redis-streams.ts'
import { engineOn, storeAt } from './ledger-store.ts'
import { recordOrDie, relayThatDies, rules } from './ledger-worker.ts'

const [role = '', url = '', stream = '', path = '', consumer] = process.argv.slice(2)
const store = storeAt(path)
const client = new Redis(url)

if (role === 'consume') {
  consume({
    ...rules,
    once: engineOn(store),
    client,
    stream,
    ...(consumer === undefined ? {} : { consumer }),
    takeOverMs: 2_000,
    concurrency: 4,
    handle: recordOrDie,
  })
} else {
  await relayThatDies(store, path, publisher({ client }))
  client.disconnect()
}
