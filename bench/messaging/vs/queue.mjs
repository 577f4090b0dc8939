// One business row per message of a queue filled in advance: onlyonce compared with other libraries, on one PostgreSQL.
import { BATCH } from '../messages.mjs'
import { measure, OURS } from './entrants.mjs'
import { vsTable } from './table.mjs'

/** @param {string} url @returns {import('./entrants.mjs').Entrant[]} */
const singles = (url) => [
  { name: OURS, file: '../consuming.mjs', open: 'atomic', args: [0, null, url] },
  { name: OURS, file: './onlyonce.mjs', open: 'outboxToInbox', args: [url] },
  { name: 'pg-transactional-outbox', file: './pg-transactional-outbox.mjs', open: 'inboxOfRival', args: [url] },
  { name: 'pg-boss', file: './pg-boss.mjs', open: 'single', args: [url] },
  { name: 'DBOS', file: './dbos.mjs', open: 'queued', args: [url] },
]

/** The others have no batches. @param {string} url @returns {import('./entrants.mjs').Entrant[]} */
const batches = (url) => [
  { name: OURS, file: '../consuming.mjs', open: 'batches', args: [0, null, url] },
  { name: 'pg-boss', file: './pg-boss.mjs', open: 'batches', args: [url] },
]

/** @type {import('../../sections.mjs').Section} */
export const queue = {
  name: 'messaging-vs',
  table: vsTable,
  cases: ({ servers, sliceMs }) =>
    /** @type {const} */ ([
      ['a row for each message, a transaction each', singles],
      [`a row for each message, batches of ${BATCH}`, batches],
    ]).map(([name, entrants]) => ({
      name,
      async measure() {
        const { url, pids } = await servers.get('postgres')
        return measure(entrants(url), { sliceMs, pids })
      },
    })),
}
