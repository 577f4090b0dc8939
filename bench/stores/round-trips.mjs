import { Redis } from 'ioredis'
import { postgresStore } from 'onlyonce/postgres'
import { redisStore } from 'onlyonce/redis'
import pg from 'pg'
import { countingProxy } from '../wire.mjs'
import { effect, newKey, resultJson } from '../workload.mjs'
import { INSERT_EFFECT, postgresByHand } from './by-hand/postgres.mjs'
import { redisByHand } from './by-hand/redis.mjs'
import { openMysqlPool } from './mysql.mjs'
import { onceOver, storeModule } from './ours.mjs'

const TIMES = 50
const CACHE = { maxBytes: 2 ** 20, maxAgeMs: 60_000 }

/** Counted on the wire, one operation after the other. @type {import('../sections.mjs').Section} */
export const roundTrips = {
  name: 'round-trips',
  table: trafficTable,
  async cases({ servers }) {
    const mysql = await storeModule('mysql')
    /** @param {import('../servers.mjs').Kind} kind @param {(url: string, count: Count) => Promise<object>} measure */
    const on = (kind, measure) => async () => {
      const { url, port } = await servers.get(kind)
      const proxy = await countingProxy(port)
      try {
        return await measure(proxy.through(url), (work) => proxy.costOf(TIMES, work))
      } finally {
        await proxy.close()
      }
    }
    return [
      { name: 'redis, by hand', measure: on('redis', handRedis) },
      { name: 'redis, `once`', measure: on('redis', (url, count) => ourRedis(url, count)) },
      { name: 'redis, `once` with `cache`', measure: on('redis', (url, count) => ourRedis(url, count, CACHE)) },
      { name: 'postgres, by hand', measure: on('postgres', handPostgres) },
      { name: 'postgres, `once`', measure: on('postgres', ourPostgres) },
      { name: 'postgres, the bare transaction', measure: on('postgres', barePostgres) },
      { name: 'postgres, `once.atomic` around one insert', measure: on('postgres', atomicPostgres) },
      ...(mysql === undefined
        ? []
        : [{ name: 'mysql, `once`', measure: on('mysql', (url, count) => ourMysql(url, count, mysql)) }]),
    ]
  },
}

/** @typedef {(work: () => unknown) => Promise<import('../wire.mjs').Traffic>} Count */

/** @param {string} url @param {Count} count */
async function handRedis(url, count) {
  const client = new Redis(url)
  const { run, remember, duplicate } = await redisByHand(client)
  await remember('hand:known')
  const measured = { first: await count(run), duplicate: await count(() => duplicate('hand:known')) }
  client.disconnect()
  return measured
}

/** @param {string} url @param {Count} count @param {object} [cache] */
async function ourRedis(url, count, cache) {
  const client = new Redis(url)
  const once = onceOver(redisStore({ client, prefix: 'trips' }), cache === undefined ? {} : { cache })
  const measured = await firstAndDuplicate(once, count)
  await once.close()
  client.disconnect()
  return measured
}

/** @param {string} url @param {Count} count */
async function handPostgres(url, count) {
  const pool = new pg.Pool({ connectionString: url })
  const { claimAndComplete } = await postgresByHand(pool)
  const measured = { first: await count(claimAndComplete) }
  await pool.end()
  return measured
}

/** @param {string} url @param {Count} count */
async function barePostgres(url, count) {
  const pool = new pg.Pool({ connectionString: url })
  const { transaction } = await postgresByHand(pool)
  const measured = { first: await count(() => transaction(false)) }
  await pool.end()
  return measured
}

/** @param {string} url @param {Count} count */
async function ourPostgres(url, count) {
  const pool = new pg.Pool({ connectionString: url })
  const once = onceOver(postgresStore({ pool }))
  const measured = await firstAndDuplicate(once, count)
  await once.close()
  await once.store[Symbol.asyncDispose]()
  await pool.end()
  return measured
}

/** @param {string} url @param {Count} count */
async function atomicPostgres(url, count) {
  const pool = new pg.Pool({ connectionString: url })
  await postgresByHand(pool)
  const once = onceOver(postgresStore({ pool }))
  const run = (/** @type {string} */ key) =>
    once.atomic(key, async (/** @type {import('onlyonce/postgres').PgTx} */ tx) => {
      await tx.query(INSERT_EFFECT, [key, resultJson])
    })
  const known = newKey()
  await run(known)
  const measured = { first: await count(() => run(newKey())), duplicate: await count(() => run(known)) }
  await once.close()
  await once.store[Symbol.asyncDispose]()
  await pool.end()
  return measured
}

/** @param {string} url @param {Count} count @param {any} module */
async function ourMysql(url, count, module) {
  const pool = openMysqlPool(url)
  const once = onceOver(module.mysqlStore({ pool }))
  const measured = await firstAndDuplicate(once, count)
  await once.close()
  await once.store[Symbol.asyncDispose]()
  await pool.end()
  return measured
}

/** @param {(key: string, effect: () => Promise<object>) => Promise<unknown>} once @param {Count} count */
async function firstAndDuplicate(once, count) {
  const known = newKey()
  await once(known, effect)
  return { first: await count(() => once(newKey(), effect)), duplicate: await count(() => once(known, effect)) }
}

/** @param {readonly { name: string, first: import('../wire.mjs').Traffic, duplicate?: import('../wire.mjs').Traffic }[]} rows */
export function trafficTable(rows) {
  const cells = (/** @type {import('../wire.mjs').Traffic | undefined} */ traffic) =>
    traffic === undefined
      ? ['–', '–']
      : [String(Number(traffic.roundTrips.toFixed(2))), `${traffic.sent.toFixed(0)} / ${traffic.received.toFixed(0)}`]
  return [
    '| way | round trips, first | bytes sent / received | round trips, duplicate | bytes sent / received |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...rows.map(({ name, first, duplicate }) => `| ${[name, ...cells(first), ...cells(duplicate)].join(' | ')} |`),
  ].join('\n')
}
