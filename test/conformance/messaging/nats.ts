import { jetstream } from '@nats-io/jetstream'
import { connect, headers, type NatsConnection } from '@nats-io/transport-node'
import { consume, publisher } from '../../../src/messaging/nats.ts'
import type { SqliteTx } from '../../../src/stores/sqlite/index.ts'
import type { MessagingWorker } from '../../../src/testing/index.ts'
import { later } from './later.ts'
import { sqliteLedger } from './sqlite-ledger.ts'

export interface NatsPlace {
  readonly url: string
  readonly stream: string
}

export const openNats = (url: string): Promise<NatsConnection> =>
  connect({ servers: url.replace('nats://', ''), maxReconnectAttempts: -1, reconnectTimeWait: 200 })

export const nats: MessagingWorker<NatsPlace, SqliteTx> = {
  ledger: sqliteLedger,
  consume({ url, stream }, options) {
    const connecting = openNats(url)
    const opening = connecting.then((connection) =>
      consume<SqliteTx>({ ...options, connection, jetstream: jetstream(connection), headers, stream } as never),
    )
    return later(opening, async () => (await connecting).close())
  },
  async publisher({ url }) {
    const connection = await openNats(url)
    return { publish: publisher({ jetstream: jetstream(connection), headers }), close: () => connection.close() }
  },
}
