import { Redis } from 'ioredis'
import { consume, publisher } from '../../../src/messaging/redis-streams.ts'
import type { SqliteTx } from '../../../src/stores/sqlite/index.ts'
import type { MessagingWorker } from '../../../src/testing/index.ts'
import { sqliteLedger } from './sqlite-ledger.ts'

export interface StreamPlace {
  readonly url: string
  readonly stream: string
}

export function openRedis(url: string): Redis {
  const client = new Redis(url, { retryStrategy: () => 100 })
  client.on('error', () => {})
  return client
}

export const redisStreams: MessagingWorker<StreamPlace, SqliteTx> = {
  ledger: sqliteLedger,
  consume({ url, stream }, options) {
    const client = openRedis(url)
    const soon = options.visibilityMs === undefined ? { takeOverMs: 2_000 } : {}
    const consumer = consume<SqliteTx>({ ...soon, ...options, client, stream } as never)
    const stop = () => consumer.stop().finally(() => client.disconnect())
    return {
      ...consumer,
      get running() {
        return consumer.running
      },
      stop,
      [Symbol.asyncDispose]: stop,
    }
  },
  publisher({ url }) {
    const client = openRedis(url)
    return { publish: publisher({ client }), close: async () => client.disconnect() }
  },
}
