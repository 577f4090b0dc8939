// From an outbox in PostgreSQL to a broker: our relay compared with that of pg-transactional-outbox.
import { brokers } from '../brokers.mjs'
import { measure, OURS } from './entrants.mjs'
import { vsTable } from './table.mjs'

/** @type {import('../../sections.mjs').Section} */
export const relay = {
  name: 'relay-vs',
  table: vsTable,
  cases: ({ servers, sliceMs }) =>
    brokers.map((broker, index) => ({
      name: `${broker.name}, outbox in PostgreSQL`,
      async measure() {
        const database = await servers.get('postgres')
        const server = broker.kind && (await servers.get(broker.kind))
        const args = [index, server?.url, database.url]
        const sides = [
          { name: OURS, file: '../relaying.mjs', open: 'relayed', args },
          { name: 'pg-transactional-outbox', file: './pg-transactional-outbox.mjs', open: 'outboxOfRival', args },
        ]
        return measure(sides, { sliceMs, pids: [...database.pids, ...(server?.pids ?? [])] })
      },
    })),
}
