// pg-boss with `transactional` workers: the handler's writes commit with the job's completion.
import { INSERT_EFFECT, postgresByHand } from '../../stores/by-hand/postgres.mjs'
import { openPool } from '../../stores/postgres.mjs'
import { newKeys, result, resultJson } from '../../workload.mjs'
import { BATCH } from '../messages.mjs'
import { CONNECTIONS, TRANSACTIONS } from './limits.mjs'
import { paced } from './paced.mjs'
import { rival } from './rivals/import.mjs'

const INSERT_EFFECTS = 'INSERT INTO effects SELECT unnest($1::uuid[]), $2'

/**
 * @typedef {{ id: string }} Job
 * @typedef {{ executeSql(text: string, values: unknown[]): Promise<unknown> }} Tx
 */

/** @param {string} url */
export function single(url) {
  // A worker fetches again at once while the queue is known not to be empty.
  const options = { localConcurrency: TRANSACTIONS, burstWhenReadyExceeds: 1 }
  return open(url, 'a transaction each', options, ([job], tx) =>
    tx.executeSql(INSERT_EFFECT, [/** @type {Job} */ (job).id, resultJson]),
  )
}

/** @param {string} url */
export function batches(url) {
  const options = { localConcurrency: 2, batchSize: BATCH, burstWhenBatchFull: true }
  return open(url, `batches of ${BATCH}`, options, (jobs, tx) =>
    tx.executeSql(INSERT_EFFECTS, [jobs.map(({ id }) => id), resultJson]),
  )
}

/** @param {string} url @param {string} what @param {object} options @param {(jobs: readonly Job[], tx: Tx) => Promise<unknown>} handle */
async function open(url, what, options, handle) {
  const { PgBoss } = await rival('pg-boss')
  const pool = openPool(url)
  await postgresByHand(pool)
  await pool.end()
  const schema = `boss_${process.pid}`
  const boss = new PgBoss({ connectionString: url, max: CONNECTIONS, schema, queueCacheIntervalSeconds: 1 })
  boss.on('error', (/** @type {Error} */ error) => console.error(`pg-boss: ${error.message}`))
  await boss.start()
  await boss.createQueue('orders')
  const pace = paced({
    count: 20_000,
    async add(count) {
      for (let left = count; left > 0; left -= 1_000)
        await boss.insert(
          'orders',
          newKeys(1_000).map((id) => ({ id, data: result })),
        )
      await boss.supervise('orders')
    },
  })
  await pace.refill()
  await boss.work(
    'orders',
    { ...options, transactional: true, pollingIntervalSeconds: 0.5 },
    async (/** @type {readonly Job[]} */ jobs, /** @type {Tx} */ tx) => {
      await pace.turn()
      await handle(jobs, tx)
      pace.done(jobs.map(({ id }) => id))
    },
  )
  return { what, per: pace.per, run: pace.run, close: () => pace.prove(url) }
}
