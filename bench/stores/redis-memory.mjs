import { Redis } from 'ioredis'
import { redisStore } from 'onlyonce/redis'
import { each, newKeys, RETENTION_MS, resultJson } from '../workload.mjs'
import { fill } from './fill.mjs'
import { usedMemory } from './growth.mjs'

const body = Buffer.from(resultJson)
const nothing = Buffer.from('null')

/** Bytes of `used_memory` per operation, averaged over many. @type {import('../sections.mjs').Section} */
export const redisMemory = {
  name: 'redis-memory',
  table,
  cases: ({ servers, keys }) => {
    /** @param {(client: Redis, count: number) => Promise<void>} put */
    const measure = (put) => async () => {
      const { url } = await servers.get('redis', ['--hz', '100'])
      const client = new Redis(url)
      // Excludes what the server and its scripts allocate once.
      await put(client, 500)
      await client.flushall('SYNC')
      const empty = await usedMemory(client)
      await put(client, keys)
      const bytes = ((await usedMemory(client)) - empty) / keys
      client.disconnect()
      return { keys, bytes }
    }
    return [
      {
        name: 'a plain key with its result and an expiry',
        measure: measure((client, count) => plain(client, count, resultJson)),
      },
      { name: '`once`, result of 200 bytes', measure: measure((client, count) => ours(client, count, false)) },
      {
        name: 'a plain key, no result, with an expiry',
        measure: measure((client, count) => plain(client, count, '1')),
      },
      { name: '`once` with `compact`', measure: measure((client, count) => ours(client, count, true)) },
    ]
  },
}

/** @param {Redis} client @param {number} count @param {string} value */
async function plain(client, count, value) {
  await each(newKeys(count), 256, (key) => client.set(key, value, 'PX', RETENTION_MS))
}

/** @param {Redis} client @param {number} count @param {boolean} compact */
async function ours(client, count, compact) {
  // Buckets are sized for the number of operations within a retention.
  const store = redisStore({ client, prefix: 'memory', ...(compact ? { compact: { keys: Math.max(count, 2) } } : {}) })
  await fill(store, count, RETENTION_MS, compact ? nothing : body)
  await store[Symbol.asyncDispose]()
}

/** @param {readonly { name: string, keys: number, bytes: number }[]} rows */
function table(rows) {
  return [
    '| what | operations | bytes each |',
    '| --- | ---: | ---: |',
    ...rows.map(({ name, keys, bytes }) => `| ${name} | ${keys.toLocaleString('en')} | ${bytes.toFixed(1)} |`),
  ].join('\n')
}
