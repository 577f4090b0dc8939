import { consume, publisher } from '../../../src/messaging/rocketmq.ts'
import type { SqliteTx } from '../../../src/stores/sqlite/index.ts'
import type { MessagingWorker } from '../../../src/testing/index.ts'
import { openConsumer, openProducer } from '../../integration/rocketmq-clients.ts'
import { later } from './later.ts'
import { journaled } from './rocketmq-journal.ts'
import { sqliteLedger } from './sqlite-ledger.ts'

export interface RocketPlace {
  readonly url: string
  readonly topic: string
  /** A FIFO topic. */
  readonly ordered: boolean
  /** The file of its acknowledgements. */
  readonly journal: string
}

/** Which acknowledgements of consumers of this process are lost, by topic. */
export const losses = new Map<string, () => boolean>()

export const groupOf = (topic: string, name: string): string => `${topic}-${name}`

export const rocketmq: MessagingWorker<RocketPlace, SqliteTx> = {
  ledger: sqliteLedger,
  consume({ url, topic, journal }, options) {
    const group = groupOf(topic, options.name)
    const producing = openProducer(url, topic)
    const open = async () =>
      journaled((await openConsumer(url, topic, group)) as never, journal, group, () => losses.get(topic)?.() ?? false)
    const opening = producing.then((producer) => consume<SqliteTx>({ ...options, consumer: open, producer } as never))
    return later(opening, async () => (await producing).shutdown())
  },
  async publisher({ url, topic, ordered }) {
    const producer = await openProducer(url, topic)
    return { publish: publisher({ producer, fifo: ordered }), close: () => producer.shutdown() }
  },
}
