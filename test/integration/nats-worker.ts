/** Runs in a process of its own: `worker.mjs URL STREAM LEDGER`. */
import { jetstream } from '@nats-io/jetstream'
import { connect, headers } from '@nats-io/transport-node'
import { consume } from '../../src/messaging/nats.ts'
import { engineOn, storeAt } from './ledger-store.ts'
import { recordOrDie, rules } from './ledger-worker.ts'

const [url = '', stream = '', path = ''] = process.argv.slice(2)
const once = engineOn(storeAt(path))
const connection = await connect({ servers: url.replace('nats://', ''), maxReconnectAttempts: -1 })

consume({
  ...rules,
  once,
  connection,
  jetstream: jetstream(connection),
  headers,
  stream,
  concurrency: 4,
  handle: recordOrDie,
})
