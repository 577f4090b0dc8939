import { Redis } from 'ioredis'
import { redisStore } from 'onlyonce/redis'
import { createClient } from 'redis'
import { onceOver } from '../stores/ours.mjs'
import { order } from '../workload.mjs'

const CACHE = { maxBytes: 64 * 2 ** 20, maxAgeMs: 60_000 }

/** @type {readonly import('./contestant.mjs').Contestant[]} */
export const onlyonceOnRedis = [
  { name: 'onlyonce on Redis (ioredis)', on: 'redis', ours: true, open: (url) => overIoredis(url, {}) },
  { name: 'onlyonce on Redis (node-redis)', on: 'redis', ours: true, open: overNodeRedis },
  {
    name: 'onlyonce on Redis with `cache`',
    on: 'redis',
    ours: true,
    only: 'duplicate',
    open: (url) => overIoredis(url, { cache: CACHE }),
  },
  {
    name: 'onlyonce on Redis with `cache`',
    on: 'redis',
    ours: true,
    only: 'round-trips',
    open: (url) => overIoredis(url, { cache: CACHE }),
  },
  {
    name: 'onlyonce on Redis, no payload',
    on: 'redis',
    ours: true,
    only: 'bytes',
    open: (url) => overIoredis(url, {}, null),
  },
]

/** @param {string} url @param {object} options @param {object | null} payload `null`: none. */
async function overIoredis(url, options, payload = order) {
  const client = new Redis(url)
  return entry(redisStore({ client, prefix: 'vs' }), options, () => client.disconnect(), payload)
}

/** @param {string} url */
async function overNodeRedis(url) {
  const client = createClient({ url })
  await client.connect()
  return entry(redisStore({ client, prefix: 'vs2' }), {}, () => client.destroy())
}

/** @param {import('onlyonce').Store} store @param {object} options @param {() => unknown} end @param {object | null} payload @returns {import('./contestant.mjs').Entry} */
export function entry(store, options, end, payload = order) {
  const once = onceOver(store, options)
  return {
    call: (key, effect) => once(payload === null ? key : { key, payload }, effect),
    async close() {
      await once.close()
      await store[Symbol.asyncDispose]()
      await end()
    },
  }
}
