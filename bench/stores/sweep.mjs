import { setTimeout as sleep } from 'node:timers/promises'
import { postgresStore } from 'onlyonce/postgres'
import pg from 'pg'
import { resultJson } from '../workload.mjs'
import { fill } from './fill.mjs'

const LIMIT = 1_000
/** A running record needs some retention, or a late answer would find nothing to settle. */
const RETENTION_MS = 1

/** Expired records removed: by `sweep`, and by dropping the table that has them. @type {import('../sections.mjs').Section} */
export const sweep = {
  name: 'sweep',
  table,
  cases: ({ servers, sweep: records }) =>
    records === 0 ? [] : [{ name: 'postgres', measure: () => onPostgres(servers, records) }],
}

/** @param {import('../servers.mjs').Servers} servers @param {number} records */
async function onPostgres(servers, records) {
  const args = ['-c', 'max_wal_size=4GB', '-c', 'autovacuum=off']
  const { url } = await servers.get('postgres', args)
  const pool = new pg.Pool({ connectionString: url })
  pool.on('error', () => {})
  const store = postgresStore({ pool })
  await fill(store, records, RETENTION_MS, Buffer.from(resultJson))
  await sleep(10)
  // A partition by hand: the same rows and indexes, dropped whole.
  await pool.query('CREATE TABLE whole (LIKE onlyonce.operations INCLUDING ALL)')
  await pool.query('INSERT INTO whole SELECT * FROM onlyonce.operations')
  const dropped = await costOf(pool, () => pool.query('DROP TABLE whole'))
  let removed = 0
  const swept = await costOf(pool, async () => {
    for (let now = LIMIT; now === LIMIT; removed += now) now = await store.sweep(LIMIT)
  })
  if (removed !== records) throw new Error(`${removed} of ${records} records were swept`)
  await store[Symbol.asyncDispose]()
  await pool.end()
  await servers.stop('postgres', args)
  return {
    records,
    ways: [
      { what: `\`sweep(${LIMIT})\``, ...swept },
      { what: 'a table dropped, by hand', ...dropped },
    ],
  }
}

/** @param {pg.Pool} pool @param {() => Promise<unknown>} work */
async function costOf(pool, work) {
  const wal = async () => Number((await pool.query("SELECT pg_current_wal_insert_lsn() - '0/0' AS n")).rows[0].n)
  await pool.query('CHECKPOINT')
  const before = await wal()
  const start = performance.now()
  await work()
  return { seconds: (performance.now() - start) / 1000, walBytes: (await wal()) - before }
}

/** @param {readonly Awaited<ReturnType<typeof onPostgres>>[]} rows */
function table(rows) {
  const lines = rows.flatMap(({ records, ways }) =>
    ways.map(({ what, seconds, walBytes }) => {
      const cells = [records.toLocaleString('en'), what, `${seconds.toFixed(2)} s`, `${(walBytes / 1e6).toFixed(1)} MB`]
      return `| ${cells.join(' | ')} |`
    }),
  )
  return ['| records | way | time | WAL |', '| ---: | --- | ---: | ---: |', ...lines].join('\n')
}
