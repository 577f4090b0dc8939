import { connect } from 'node:net'
import { Kafka, logLevel } from 'kafkajs'
import { consume, publisher } from '../../../src/messaging/kafka.ts'
import type { SqliteTx } from '../../../src/stores/sqlite/index.ts'
import type { MessagingWorker } from '../../../src/testing/index.ts'
import { sqliteLedger } from './sqlite-ledger.ts'

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'

export interface KafkaPlace {
  /** The port that every connection goes to, whatever address the broker gives. */
  readonly port: number
  readonly topic: string
}

/** What Kafka keeps by default: a shorter memory would be warned of. */
const WEEK_MS = 7 * 24 * 60 * 60 * 1_000
/** The group finds out soon who is gone. */
const SOON = { sessionTimeout: 6_000, heartbeatInterval: 300, maxWaitTimeInMs: 100 }

export function kafkaAt(port: number): Kafka {
  return new Kafka({
    clientId: 'conformance',
    brokers: [`127.0.0.1:${port}`],
    logLevel: logLevel.NOTHING,
    socketFactory: ({ onConnect }) => connect({ port, host: '127.0.0.1' }, onConnect),
  })
}

export const kafka: MessagingWorker<KafkaPlace, SqliteTx> = {
  ledger: sqliteLedger,
  consume: ({ port, topic }, options) =>
    consume<SqliteTx>({
      retentionMs: WEEK_MS,
      ...options,
      kafka: kafkaAt(port),
      topic,
      groupId: `${options.name}-${topic}`,
      consumer: SOON,
    } as never),
  publisher({ port }) {
    const client = kafkaAt(port)
    const publish = publisher({ producer: () => client.producer(), kafka: client })
    return { publish, close: () => publish.close() }
  },
}
