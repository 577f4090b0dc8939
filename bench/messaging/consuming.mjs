// A consumer, from the broker to the acknowledgement, compared with one that only receives, handles and acknowledges.
import { Redis } from 'ioredis'
import { postgresStore } from 'onlyonce/postgres'
import { redisStore } from 'onlyonce/redis'
import { apart } from '../apart.mjs'
import { contest } from '../contest.mjs'
import { contestTable } from '../contest-table.mjs'
import { INSERT_EFFECT, postgresByHand } from '../stores/by-hand/postgres.mjs'
import { onceOver } from '../stores/ours.mjs'
import { openPool } from '../stores/postgres.mjs'
import { resultJson } from '../workload.mjs'
import { brokers } from './brokers.mjs'
import { BATCH, newMessages } from './messages.mjs'

const here = (/** @type {string} */ name, /** @type {unknown[]} */ ...args) => apart(import.meta.url, name, ...args)
/** Number of messages handled by one run of a side. */
const PORTION = 200
const CONCURRENCY = 50
const SUPPLY = 20_000
const INSERT_EFFECTS = 'INSERT INTO effects SELECT unnest($1::uuid[]), $2'

/** @type {import('../sections.mjs').Section} */
export const consuming = {
  name: 'consumer',
  table: contestTable,
  cases: ({ servers, sliceMs }) =>
    brokers.flatMap((broker, index) => {
      /** @param {import('../servers.mjs').Kind} store @param {readonly string[]} sides @param {number} goal */
      const measure = async (store, sides, goal) => {
        const database = await servers.get(store)
        const server = broker.kind && (await servers.get(broker.kind))
        const opened = []
        for (const side of sides) opened.push(await here(side, index, server?.url, database.url))
        const pids = [...database.pids, ...(server?.pids ?? [])]
        return { goal, ...(await contest(opened, { callers: 1, sliceMs, pids })) }
      }
      return [
        {
          name: `${broker.name}: leased, records in Redis`,
          measure: () => measure('redis', ['bareNothing', 'leased'], 0.5),
        },
        {
          name: `${broker.name}: one PostgreSQL transaction each`,
          measure: () => measure('postgres', ['bareTransaction', 'atomic'], 0.8),
        },
        {
          name: `${broker.name}: PostgreSQL, batches of ${BATCH} beside single messages`,
          measure: () => measure('postgres', ['atomic', 'batches'], 8),
        },
      ]
    }),
}

/** @typedef {import('./brokers.mjs').Broker} Broker */

/** @param {number} index @param {string} url */
export async function bareNothing(index, url) {
  return consumer(index, url, 'receive, nothing, acknowledge', (desk, done) => desk.bare(done, CONCURRENCY))
}

/** @param {number} index @param {string} url @param {string} redisUrl */
export async function leased(index, url, redisUrl) {
  const client = new Redis(redisUrl)
  const once = onceOver(redisStore({ client, prefix: 'messaging' }))
  const close = async () => {
    await once.close()
    client.disconnect()
  }
  const options = { once, name: 'ledger', delivers: 'at-least-once', concurrency: CONCURRENCY }
  return consumer(index, url, 'consume, leased', (desk, done) => desk.ours({ ...options, handle: () => done() }), close)
}

/** @param {number} index @param {string} url @param {string} databaseUrl */
export async function bareTransaction(index, url, databaseUrl) {
  const pool = openPool(databaseUrl)
  await postgresByHand(pool)
  /** @param {{ id: string }} message */
  async function handle({ id }) {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      await client.query(INSERT_EFFECT, [id, resultJson])
      await client.query('COMMIT')
    } finally {
      client.release()
    }
  }
  /** @param {import('./brokers.mjs').Desk} desk @param {() => void} done */
  const start = (desk, done) => desk.bare((message) => handle(message).then(done), CONCURRENCY)
  return consumer(index, url, 'receive, the bare transaction, acknowledge', start, () => pool.end())
}

/** @param {number} index @param {string} url @param {string} databaseUrl */
export async function atomic(index, url, databaseUrl) {
  const { once, close } = await openPostgres(databaseUrl)
  const options = { once, name: 'ledger', delivers: 'exactly-once-effect', concurrency: CONCURRENCY }
  /** @param {any} message @param {any} tx */
  const handle = (message, tx) => tx.query(INSERT_EFFECT, [message.id, resultJson])
  return consumer(
    index,
    url,
    'consume, single messages',
    (desk, done) => desk.ours({ ...options, handle, onEvent: done }),
    close,
  )
}

/** @param {number} index @param {string} url @param {string} databaseUrl */
export async function batches(index, url, databaseUrl) {
  const { once, close } = await openPostgres(databaseUrl)
  const batch = { maxSize: BATCH }
  const options = { once, name: 'ledger', delivers: 'exactly-once-effect', batch, concurrency: 2 * BATCH }
  /** @param {any[]} messages @param {any} tx */
  const handle = (messages, tx) => tx.query(INSERT_EFFECTS, [messages.map(({ id }) => id), resultJson])
  const what = `consume, batches of ${BATCH}`
  return consumer(index, url, what, (desk, done) => desk.ours({ ...options, handle, onEvent: done }), close)
}

/** @param {string} url */
async function openPostgres(url) {
  const pool = openPool(url)
  await postgresByHand(pool)
  const once = onceOver(postgresStore({ pool }))
  const close = async () => {
    await once.close()
    await once.store[Symbol.asyncDispose]()
    await pool.end()
  }
  return { once, close }
}

/**
 * A side that handles a portion for each run, and rests between its slices. Its queue is filled before, and again when
 * it runs low, which counts for every side alike.
 * @param {number} index @param {string} url @param {string} what
 * @param {(desk: import('./brokers.mjs').Desk, done: () => void) => import('./brokers.mjs').Work} start
 * @param {() => unknown} [closeStore]
 */
async function consumer(index, url, what, start, closeStore) {
  const desk = await /** @type {Broker} */ (brokers[index]).open(url)
  let [supplied, handled, wanted] = [0, 0, 0]
  let reached = () => {}
  async function supply() {
    for (let left = SUPPLY; left > 0; left -= 1_000) await desk.publish(newMessages(1_000, 'orders'))
    supplied += SUPPLY
  }
  await supply()
  const work = start(desk, () => {
    if (++handled >= wanted) reached()
  })
  work.pause()
  return {
    what,
    per: PORTION,
    async run() {
      wanted += PORTION
      if (wanted + 5 * PORTION > supplied) await supply()
      if (handled >= wanted) return
      const enough = new Promise((resolve) => {
        reached = () => resolve(undefined)
      })
      work.resume()
      await enough
      work.pause()
    },
    async close() {
      await work.stop()
      await desk.close()
      await closeStore?.()
    },
  }
}
