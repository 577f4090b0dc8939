import { setTimeout as sleep } from 'node:timers/promises'
import { postgresStore } from 'onlyonce/postgres'
import pg from 'pg'
import { resultJson } from '../workload.mjs'
import { fill } from './fill.mjs'

const LIMIT = 1_000
/** A running record needs some retention: otherwise a late answer would find nothing to settle. */
const RETENTION_MS = 1
/** Over once the records are written, so that a sweep begins the next partition, and drops the one with the records. */
const PARTITIONS = { everyMs: 1_000, keep: 100 }

/** Removal of expired records: one by one, with their partition, and by dropping a table of them. @type {import('../sections.mjs').Section} */
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
  const deleted = await swept(pool, store, records)
  const inPartitions = postgresStore({ pool, schema: 'in_partitions', partitions: PARTITIONS })
  await fill(inPartitions, records, RETENTION_MS, Buffer.from(resultJson))
  await sleep(PARTITIONS.everyMs)
  // A partition made by hand: the same rows and indexes, dropped as a whole without being read.
  await pool.query('CREATE TABLE whole (LIKE in_partitions.operations_1 INCLUDING ALL)')
  await pool.query('INSERT INTO whole SELECT * FROM in_partitions.operations_1')
  const dropped = await swept(pool, inPartitions, records)
  const byHand = await costOf(pool, () => pool.query('DROP TABLE whole'))
  await store[Symbol.asyncDispose]()
  await inPartitions[Symbol.asyncDispose]()
  await pool.end()
  await servers.stop('postgres', args)
  return {
    records,
    ways: [
      { what: `\`sweep(${LIMIT})\`, one table`, ...deleted },
      { what: `\`sweep(${LIMIT})\`, in partitions`, ...dropped },
      { what: 'a table dropped, by hand', ...byHand },
    ],
  }
}

/** @param {pg.Pool} pool @param {import('onlyonce/postgres').PostgresStore} store @param {number} records */
async function swept(pool, store, records) {
  let removed = 0
  const cost = await costOf(pool, async () => {
    for (let now = LIMIT; now >= LIMIT; removed += now) now = await store.sweep(LIMIT)
  })
  if (removed !== records) throw new Error(`${removed} of ${records} records were swept`)
  return cost
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
      const faster = (ways[0]?.seconds ?? 0) / seconds
      const cells = [records.toLocaleString('en'), what, `${seconds.toFixed(2)} s`, `${(walBytes / 1e6).toFixed(1)} MB`]
      return `| ${[...cells, `${faster.toFixed(1)} ×`].join(' | ')} |`
    }),
  )
  return ['| records | way | time | WAL | against one table |', '| ---: | --- | ---: | ---: | ---: |', ...lines].join(
    '\n',
  )
}
