import { Redis } from 'ioredis'
import { LEASE_MS, order, RETENTION_MS } from '../workload.mjs'
import { rival } from './rivals/import.mjs'

/** Without a time limit it warns at each call that nobody can take over from a crashed owner. */
const lambda = { getRemainingTimeInMillis: () => LEASE_MS }

/** @type {readonly import('./contestant.mjs').Contestant[]} */
export const powertools = [
  { name: 'Powertools, @redis/client', on: 'redis', open: overRedisClient },
  { name: 'Powertools over ioredis', on: 'redis', open: (url) => overIoredis(url, false) },
  { name: 'Powertools with its local cache', on: 'redis', only: 'duplicate', open: (url) => overIoredis(url, true) },
  { name: 'Powertools with its local cache', on: 'redis', only: 'round-trips', open: (url) => overIoredis(url, true) },
]

/** @param {string} url */
async function overRedisClient(url) {
  const { createClient } = await rival('@redis/client')
  const client = await createClient({ url }).connect()
  return entry(client, false, () => client.destroy())
}

/** @param {string} url @param {boolean} useLocalCache */
async function overIoredis(url, useLocalCache) {
  const redis = new Redis(url)
  const client = {
    get: (/** @type {string} */ key) => redis.get(key),
    set: (
      /** @type {string} */ key,
      /** @type {string} */ value,
      /** @type {{ EX: number, NX?: boolean }} */ { EX, NX },
    ) => (NX ? redis.set(key, value, 'EX', EX, 'NX') : redis.set(key, value, 'EX', EX)),
    del: (/** @type {string[]} */ keys) => redis.del(keys),
  }
  return entry(client, useLocalCache, () => redis.disconnect())
}

/** @param {object} client @param {boolean} useLocalCache @param {() => unknown} close @returns {Promise<import('./contestant.mjs').Entry>} */
async function entry(client, useLocalCache, close) {
  const { IdempotencyConfig, makeIdempotent } = await rival('@aws-lambda-powertools/idempotency')
  const { CachePersistenceLayer } = await rival('@aws-lambda-powertools/idempotency/cache')
  const config = new IdempotencyConfig({
    eventKeyJmesPath: 'key',
    expiresAfterSeconds: RETENTION_MS / 1000,
    useLocalCache,
    maxLocalCacheSize: 100_000,
  })
  const options = { persistenceStore: new CachePersistenceLayer({ client }), config }
  /** @type {(event: { key: string, order: object, effect: () => Promise<object> }, context: typeof lambda) => Promise<unknown>} */
  const run = makeIdempotent((/** @type {{ effect: () => Promise<object> }} */ event) => event.effect(), options)
  return { call: (key, effect) => run({ key, order, effect }, lambda), close }
}
