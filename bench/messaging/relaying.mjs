// The relay, from outbox to broker, compared with a loop that publishes the same messages and awaits confirmation.
import { outbox, relay } from 'onlyonce/outbox'
import { postgresStore } from 'onlyonce/postgres'
import { apart } from '../apart.mjs'
import { contest } from '../contest.mjs'
import { contestTable } from '../contest-table.mjs'
import { openPool } from '../stores/postgres.mjs'
import { brokers } from './brokers.mjs'
import { newMessages } from './messages.mjs'

const here = (/** @type {string} */ name, /** @type {unknown[]} */ ...args) => apart(import.meta.url, name, ...args)
/** Number of messages published by one run of a side, in calls of the relay's own batch size. */
const PORTION = 500
const CALL = 100
/** More than a run ever takes: adding is the work of the order's writer, not of the relay. */
const SUPPLY = 100_000

/** @type {import('../sections.mjs').Section} */
export const relaying = {
  name: 'relay',
  table: contestTable,
  cases: ({ servers, sliceMs }) =>
    brokers.map((broker, index) => ({
      name: `${broker.name}, outbox in PostgreSQL`,
      async measure() {
        const database = await servers.get('postgres')
        const server = broker.kind && (await servers.get(broker.kind))
        const sides = [await here('loop', index, server?.url), await here('relayed', index, server?.url, database.url)]
        const pids = [...database.pids, ...(server?.pids ?? [])]
        return { goal: 0.7, ...(await contest(sides, { callers: 1, sliceMs, pids })) }
      },
    })),
}

/** @param {number} index @param {string} url */
export async function loop(index, url) {
  const desk = await /** @type {import('./brokers.mjs').Broker} */ (brokers[index]).open(url)
  async function run() {
    for (let left = PORTION; left > 0; left -= CALL) await desk.publisher(newMessages(CALL, 'orders'))
  }
  return { what: `a loop that publishes ${CALL} at a time`, per: PORTION, run, close: () => desk.close() }
}

/** The outbox is filled before the run, and again only if it runs low. @param {number} index @param {string} url @param {string} databaseUrl */
export async function relayed(index, url, databaseUrl) {
  const desk = await /** @type {import('./brokers.mjs').Broker} */ (brokers[index]).open(url)
  const pool = openPool(databaseUrl)
  const store = postgresStore({ pool, schema: `relay_${process.pid}` })
  const box = outbox(store)
  let [supplied, published, wanted] = [0, 0, 0]
  let reached = () => {}
  /** @type {Promise<void> | undefined} */
  let resting
  let wake = () => {}
  async function supply() {
    for (let left = SUPPLY; left > 0; left -= 500)
      await store.transaction((tx) => box.add(tx, newMessages(500, 'orders')))
    supplied += SUPPLY
  }
  await supply()
  /** @param {readonly any[]} batch */
  async function publish(batch) {
    await resting
    const results = await desk.publisher(batch)
    published += batch.length
    if (published >= wanted) {
      reached()
      // Rests until the next run.
      resting = new Promise((resolve) => {
        wake = () => resolve()
      })
    }
    return results
  }
  const running = relay({ store, publish, batchSize: CALL, leaseMs: 600_000 })
  running.start()
  return {
    what: 'outbox and relay',
    per: PORTION,
    async run() {
      wanted += PORTION
      if (wanted + 5 * PORTION > supplied) await supply()
      if (published >= wanted) return
      const enough = new Promise((resolve) => {
        reached = () => resolve(undefined)
      })
      wake()
      await enough
    },
    async close() {
      wake()
      wanted = Number.POSITIVE_INFINITY
      await running.stop()
      await desk.close()
      await store[Symbol.asyncDispose]()
      await pool.end()
    },
  }
}
