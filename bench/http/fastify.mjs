import { contest } from '../contest.mjs'
import { contestTable } from '../contest-table.mjs'
import { asking } from './asking.mjs'
import { serving } from './serving.mjs'

const SERVER = new URL('./fastify-server.mjs', import.meta.url)
const CALLERS = 32

/** Ratios are relative to the same server without a guard. */
const CASES = /** @type {const} */ ([
  { name: 'new requests, memory', asked: 'first', ways: ['bare', 'rival-memory', 'memory'], goal: 0.75 },
  { name: 'new requests, Redis', asked: 'first', ways: ['bare', 'rival-redis', 'redis'], goal: 0.45 },
  { name: 'duplicates, memory', asked: 'duplicate', ways: ['bare', 'rival-memory', 'memory'] },
  { name: 'duplicates, Redis', asked: 'duplicate', ways: ['bare', 'rival-redis', 'redis'] },
  { name: 'duplicates, Redis with a local cache', asked: 'duplicate', ways: ['bare', 'redis-cached'], goal: 0.95 },
])

const WAYS = {
  bare: 'Fastify alone',
  memory: 'onlyonce, memory',
  redis: 'onlyonce, Redis',
  'redis-cached': 'onlyonce, Redis, cache',
  'rival-memory': '@node-idempotency/core, memory',
  'rival-redis': '@node-idempotency/core, Redis',
}

/** The registry in use offers none of these. */
const NOT_INSTALLED = ['@node-idempotency/fastify', '@idempot/fastify-middleware', 'hono-idempotency']

/** @type {import('../sections.mjs').Section} */
export const fastify = {
  name: 'http',
  table: (rows) => `${contestTable(rows)} Not installed, so not measured: ${NOT_INSTALLED.join(', ')}.`,
  cases: ({ servers, sliceMs }) =>
    CASES.map(({ name, asked, ways, ...goal }) => ({
      name: `${name}, ${CALLERS} callers`,
      async measure() {
        const { url } = await servers.get('redis')
        const sides = []
        for (const way of ways) sides.push(asking(await serving(SERVER, [way, url], WAYS[way]), asked))
        const measured = await contest(sides, { callers: CALLERS, sliceMs, pids: sides.map(({ pid }) => pid) })
        return { ...goal, ...measured }
      },
    })),
}
