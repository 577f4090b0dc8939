import { Redis } from 'ioredis'
import { order, RETENTION_MS } from '../workload.mjs'
import { rival } from './rivals/import.mjs'

/** @type {readonly import('./contestant.mjs').Contestant[]} */
export const nodeIdempotency = [
  { name: '@node-idempotency/core, its Redis adapter', on: 'redis', open: withItsAdapter },
  { name: '@node-idempotency/core over ioredis', on: 'redis', open: overIoredis },
]

/** @param {string} url */
async function withItsAdapter(url) {
  const { RedisStorageAdapter } = await rival('@node-idempotency/storage-adapter-redis')
  const adapter = new RedisStorageAdapter({ url })
  await adapter.connect()
  return entry(adapter, () => adapter.disconnect())
}

/** The same adapter over the client that is faster here. @param {string} url */
async function overIoredis(url) {
  const client = new Redis(url)
  const adapter = {
    setIfNotExists: async (
      /** @type {string} */ key,
      /** @type {string} */ value,
      /** @type {{ ttl: number }} */ { ttl },
    ) => (await client.set(key, value, 'PX', ttl, 'NX')) !== null,
    set: async (/** @type {string} */ key, /** @type {string} */ value, /** @type {{ ttl: number }} */ { ttl }) =>
      void (await client.set(key, value, 'PX', ttl)),
    get: async (/** @type {string} */ key) => (await client.get(key)) ?? undefined,
  }
  return entry(adapter, () => client.disconnect())
}

/** @param {object} adapter @param {() => unknown} close @returns {Promise<import('./contestant.mjs').Entry>} */
async function entry(adapter, close) {
  const { Idempotency } = await rival('@node-idempotency/core')
  const idempotency = new Idempotency(adapter, { cacheTTLMS: RETENTION_MS })
  return {
    async call(key, effect) {
      const request = { headers: { 'idempotency-key': key }, path: '/orders', method: 'POST', body: order }
      const known = await idempotency.onRequest(request)
      if (known !== undefined) return known.body
      const body = await effect()
      await idempotency.onResponse(request, { body })
      return body
    },
    close,
  }
}
