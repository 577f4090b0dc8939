import { connect } from 'amqplib'
import { consume, publisher } from '../../../src/messaging/rabbitmq.ts'
import type { SqliteTx } from '../../../src/stores/sqlite/index.ts'
import type { MessagingWorker } from '../../../src/testing/index.ts'
import { sqliteLedger } from './sqlite-ledger.ts'

export interface RabbitPlace {
  readonly url: string
  readonly queue: string
}

export const rabbitmq: MessagingWorker<RabbitPlace, SqliteTx> = {
  ledger: sqliteLedger,
  consume: ({ url, queue }, options) =>
    consume<SqliteTx>({ ...options, connection: () => connect(url), queue, declare: false } as never),
  publisher({ url }) {
    const publish = publisher({ connection: () => connect(url) })
    return { publish, close: () => publish.close() }
  },
}
