// The inbox alone, over PostgreSQL with fsync on: deliveries are generated in memory, so no broker's time dilutes the
// ratio.
import { inbox } from 'onlyonce/inbox'
import { postgresStore } from 'onlyonce/postgres'
import { apart } from '../apart.mjs'
import { contest } from '../contest.mjs'
import { contestTable } from '../contest-table.mjs'
import { INSERT_EFFECT, postgresByHand } from '../stores/by-hand/postgres.mjs'
import { onceOver } from '../stores/ours.mjs'
import { openPool } from '../stores/postgres.mjs'
import { newKeys, resultJson } from '../workload.mjs'
import { BATCH, newDelivery } from './messages.mjs'

const here = (/** @type {string} */ name, /** @type {unknown[]} */ ...args) => apart(import.meta.url, name, ...args)
const INSERT_EFFECTS = 'INSERT INTO effects SELECT unnest($1::uuid[]), $2'

/** @type {import('../sections.mjs').Section} */
export const inboxes = {
  name: 'inbox',
  table: contestTable,
  cases({ servers, sliceMs }) {
    /** @param {number} callers @param {(url: string) => Promise<import('../apart.mjs').Apart>[]} sides */
    const measure = async (callers, sides) => {
      const { url, pids } = await servers.get('postgres')
      const opened = []
      for (const side of sides(url)) opened.push(await side)
      return contest(opened, { callers, sliceMs, pids })
    }
    return [1, 8].flatMap((callers) => [
      {
        name: `single messages in a transaction each, ${callers} callers`,
        measure: async () => ({
          goal: 0.8,
          ...(await measure(callers, (url) => [here('bare', url, 1), here('single', url)])),
        }),
      },
      {
        name: `batches of ${BATCH} beside the bare batch, ${callers} callers`,
        measure: async () => ({
          goal: 0.5,
          ...(await measure(callers, (url) => [here('bare', url, BATCH), here('batch', url, BATCH)])),
        }),
      },
      {
        name: `batches of ${BATCH} beside single messages, ${callers} callers`,
        measure: async () => ({
          goal: 8,
          ...(await measure(callers, (url) => [here('single', url), here('batch', url, BATCH)])),
        }),
      },
    ])
  },
}

/** Only the business transaction. @param {string} url @param {number} rows */
export async function bare(url, rows) {
  const pool = openPool(url)
  await postgresByHand(pool)
  async function run() {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      const ids = newKeys(rows)
      if (rows === 1) await client.query(INSERT_EFFECT, [ids[0], resultJson])
      else await client.query(INSERT_EFFECTS, [ids, resultJson])
      await client.query('COMMIT')
    } finally {
      client.release()
    }
  }
  return { what: rows === 1 ? 'the bare transaction' : 'the bare batch', per: rows, run, close: () => pool.end() }
}

/** @param {string} url */
export async function single(url) {
  const { pool, once, close } = await open(url)
  const receive = inbox({
    once,
    name: 'ledger',
    delivers: 'exactly-once-effect',
    handle: (message, tx) => tx.query(INSERT_EFFECT, [message.id, resultJson]),
  })
  return { what: 'inbox, single messages', run: async () => requireAck(await receive(newDelivery())), close, pool }
}

/** @param {string} url @param {number} size */
export async function batch(url, size) {
  const { once, close } = await open(url)
  const receive = inbox({
    once,
    name: 'ledger',
    delivers: 'exactly-once-effect',
    batch: { maxSize: size },
    handle: (messages, tx) => tx.query(INSERT_EFFECTS, [messages.map(({ id }) => id), resultJson]),
  })
  async function run() {
    const verdicts = receive.batch?.receive(Array.from({ length: size }, newDelivery)) ?? []
    for (const verdict of await Promise.all(verdicts)) requireAck(verdict)
  }
  return { what: `inbox, batches of ${size}`, per: size, run, close }
}

/** @param {string} url */
async function open(url) {
  const pool = openPool(url)
  await postgresByHand(pool)
  const once = onceOver(postgresStore({ pool }))
  const close = async () => {
    await once.close()
    await once.store[Symbol.asyncDispose]()
    await pool.end()
  }
  return { pool, once, close }
}

/** @param {import('onlyonce/inbox').Verdict} verdict */
function requireAck(verdict) {
  if (verdict.kind !== 'ack') throw new Error(`a message was answered ${JSON.stringify(verdict)}`)
}
