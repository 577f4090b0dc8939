// `POST /orders` on Fastify, in one of several ways. Started by fastify.mjs.
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { onlyonce } from 'onlyonce'
import { idempotency } from 'onlyonce/fastify'
import { memoryStore } from 'onlyonce/memory'
import { redisStore } from 'onlyonce/redis'
import { rival } from '../vs/rivals/import.mjs'
import { RETENTION_MS, result } from '../workload.mjs'

const [way = 'bare', redisUrl = ''] = process.argv.slice(2)
const MANY = 10_000_000
const cache = { maxBytes: 64 * 1024 * 1024, maxAgeMs: 60_000 }

const app = Fastify()

/** @param {import('onlyonce').Store} store @param {object} [more] */
const guarded = (store, more = {}) =>
  app.register(idempotency, { once: onlyonce({ store, scope: 'bench', ...more }), scope: 'public' })

/** As its README shows for frameworks without a plugin: the one for Fastify cannot be installed. @param {object} storage */
async function rivalled(storage) {
  const { Idempotency } = await rival('@node-idempotency/core')
  const idempotency = new Idempotency(storage, { cacheTTLMS: RETENTION_MS })
  const requestOf = (/** @type {any} */ { headers, url, method, body }) => ({ headers, path: url, method, body })
  app.addHook('preHandler', async (request, reply) => {
    const known = await idempotency.onRequest(requestOf(request))
    if (known === undefined) return
    Object.assign(request, { replayed: true })
    return reply
      .code(known.additional?.statusCode ?? 200)
      .type('application/json')
      .send(known.body)
  })
  app.addHook('onSend', async (request, reply, payload) => {
    if (/** @type {any} */ (request).replayed === true) return
    await idempotency.onResponse(requestOf(request), { body: payload, additional: { statusCode: reply.statusCode } })
  })
}

function mapStorage() {
  const map = new Map()
  return {
    setIfNotExists: async (/** @type {string} */ key, /** @type {string} */ value) => {
      if (map.has(key)) return false
      map.set(key, value)
      return true
    },
    set: async (/** @type {string} */ key, /** @type {string} */ value) => void map.set(key, value),
    get: async (/** @type {string} */ key) => map.get(key),
  }
}

function redisStorage() {
  const client = new Redis(redisUrl)
  return {
    setIfNotExists: async (/** @type {string} */ key, /** @type {string} */ value) =>
      (await client.set(key, value, 'PX', RETENTION_MS, 'NX')) !== null,
    set: async (/** @type {string} */ key, /** @type {string} */ value) =>
      void (await client.set(key, value, 'PX', RETENTION_MS)),
    get: async (/** @type {string} */ key) => (await client.get(key)) ?? undefined,
  }
}

if (way === 'memory') await guarded(memoryStore({ maxRecords: MANY }))
if (way === 'redis') await guarded(redisStore({ client: new Redis(redisUrl), prefix: 'bench-http' }))
if (way === 'redis-cached') await guarded(redisStore({ client: new Redis(redisUrl), prefix: 'bench-http' }), { cache })
if (way === 'rival-memory') await rivalled(mapStorage())
if (way === 'rival-redis') await rivalled(redisStorage())
app.post('/orders', async (_, reply) => {
  reply.code(201)
  return result
})

const address = await app.listen({ port: 0, host: '127.0.0.1' })
process.send?.({ port: Number(new URL(address).port) })
