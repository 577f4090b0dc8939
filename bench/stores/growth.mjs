import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { postgresStore } from 'onlyonce/postgres'
import { redisStore } from 'onlyonce/redis'
import pg from 'pg'
import { percentiles } from '../open-loop.mjs'
import { newKey, RETENTION_MS, resultJson } from '../workload.mjs'
import { fill } from './fill.mjs'
import { claimsOf, leasesOf } from './ours.mjs'

const CLAIMS = 2_000
const body = Buffer.from(resultJson)

/**
 * How the cost of a claim changes while records accumulate: fresh claims one by one, alternating with claims on a small
 * table of constant size, so that a slow phase of the machine affects both.
 * @type {import('../sections.mjs').Section}
 */
export const growth = {
  name: 'growth',
  table,
  cases: ({ servers, sizes }) => [
    { name: 'postgres', measure: async () => ({ sizes: await onPostgres(servers, sizes) }) },
    { name: 'redis', measure: async () => ({ sizes: await onRedis(servers, sizes) }) },
  ],
}

/** On its own server, empty at first. @param {import('../servers.mjs').Servers} servers @param {readonly number[]} sizes */
async function onPostgres(servers, sizes) {
  const args = ['-c', 'max_wal_size=4GB']
  const { url } = await servers.get('postgres', args)
  const pool = new pg.Pool({ connectionString: url })
  pool.on('error', () => {})
  const [store, small] = [postgresStore({ pool }), postgresStore({ pool, schema: 'small' })]
  const number = async (/** @type {string} */ sql) => Number((await pool.query(sql)).rows[0].n)
  const walBytes = () => number("SELECT pg_current_wal_insert_lsn() - '0/0' AS n")
  /** @param {() => string} key */
  const walPerClaim = async (key) => {
    // The worst case: the first change of a page after a checkpoint logs the whole page.
    await pool.query('CHECKPOINT')
    const before = await walBytes()
    await timedClaims([store], key)
    return ((await walBytes()) - before) / CLAIMS
  }
  await fill(small, Math.min(...sizes), RETENTION_MS, body)
  await timedClaims([store, small], newKey)
  const rows = []
  let records = CLAIMS
  for (const size of sizes) {
    await fill(store, size - records, RETENTION_MS, body)
    await pool.query('VACUUM ANALYZE onlyonce.operations')
    const bytes = await number("SELECT pg_total_relation_size('onlyonce.operations') AS n")
    const latencies = latency(await timedClaims([store, small], newKey))
    const wal = { walRandom: await walPerClaim(newKey), walOrdered: await walPerClaim(timeOrderedKey) }
    rows.push({ records: size, ...latencies, bytesPerRecord: bytes / size, ...wal })
    records = size + 3 * CLAIMS
  }
  await store[Symbol.asyncDispose]()
  await small[Symbol.asyncDispose]()
  await pool.end()
  await servers.stop('postgres', args)
  return rows
}

/** @param {import('../servers.mjs').Servers} servers @param {readonly number[]} sizes */
async function onRedis(servers, sizes) {
  const [args, smallArgs] = [
    ['--hz', '10'],
    ['--hz', '11'],
  ]
  const client = new Redis((await servers.get('redis', args)).url)
  const smallClient = new Redis((await servers.get('redis', smallArgs)).url)
  const [store, small] = [client, smallClient].map((one) => redisStore({ client: one, prefix: 'growth' }))
  if (store === undefined || small === undefined) return []
  await timedClaims([store, small], newKey)
  await client.flushall('SYNC')
  await fill(small, Math.min(...sizes), RETENTION_MS, body)
  const empty = await usedMemory(client)
  const rows = []
  let records = 0
  for (const size of sizes) {
    await fill(store, size - records, RETENTION_MS, body)
    const bytes = (await usedMemory(client)) - empty
    rows.push({
      records: size,
      ...latency(await timedClaims([store, small], newKey)),
      bytesPerRecord: bytes / size,
    })
    records = size + CLAIMS
  }
  for (const one of [store, small]) await one[Symbol.asyncDispose]()
  for (const one of [client, smallClient]) one.disconnect()
  for (const one of [args, smallArgs]) await servers.stop('redis', one)
  return rows
}

/** @param {readonly (readonly number[])[]} latencies of the large one and the small one */
function latency([large = [], small = []]) {
  const measured = percentiles(large)
  return { ...measured, times: measured.p50 / percentiles(small).p50 }
}

/** @param {Redis} client */
export async function usedMemory(client) {
  return Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))?.[1])
}

/** Returns the milliseconds of each claim, store by store. @param {readonly import('onlyonce').Store[]} stores @param {() => string} key */
async function timedClaims(stores, key) {
  /** @type {number[][]} */
  const latencies = stores.map(() => [])
  for (let i = 0; i < CLAIMS; i++) {
    for (const [index, store] of stores.entries()) {
      const requests = claimsOf([key()])
      const start = performance.now()
      const outcomes = await store.claim(requests)
      latencies[index]?.push(performance.now() - start)
      leasesOf(outcomes)
    }
  }
  return latencies
}

/** A UUID of version 7, which begins with the time in milliseconds. */
function timeOrderedKey() {
  const hex = `${Date.now().toString(16).padStart(12, '0')}7${randomBytes(10).toString('hex').slice(0, 19)}`
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** @param {readonly { name: string, sizes: any[] }[]} rows */
function table(rows) {
  const lines = rows.flatMap(({ name, sizes }) =>
    sizes.map((one, index) => {
      const cells = [
        index === 0 ? name : '',
        one.records.toLocaleString('en'),
        `${(one.p50 * 1000).toFixed(0)} µs (${one.times.toFixed(2)}×)`,
        `${(one.p99 * 1000).toFixed(0)} µs`,
        one.bytesPerRecord.toFixed(0),
        one.walRandom?.toFixed(0) ?? '–',
        one.walOrdered?.toFixed(0) ?? '–',
      ]
      return `| ${cells.join(' | ')} |`
    }),
  )
  return [
    '| store | records | claim p50 (small table: 1×) | claim p99 | bytes per record | WAL per claim, random keys | WAL per claim, time-ordered keys |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...lines,
  ].join('\n')
}
