// Does one kind of work `times` times. Started by run.mjs, under valgrind.
import { Agent, request } from 'node:http'
import Fastify from 'fastify'
import { fingerprintOf, onlyonce, operationId } from 'onlyonce'
import { idempotency } from 'onlyonce/fastify'
import { memoryStore } from 'onlyonce/memory'
import { order, result } from '../workload.mjs'

const [way = '', times = '1'] = process.argv.slice(2)
const once = onlyonce({ store: memoryStore({ maxRecords: 10_000_000 }), scope: 'bench' })
const keyOf = (/** @type {number} */ nth) => `b7c1d5a0-6f2e-4f55-9b1e-${String(nth).padStart(12, '0')}`

/** @type {Record<string, (nth: number) => unknown>} */
const alone = {
  nothing: async (nth) => keyOf(nth),
  'operation id': async (nth) => operationId('bench', keyOf(nth)),
  fingerprint: async () => fingerprintOf(order),
  'once, new': (nth) => once(keyOf(nth), () => result),
  'once, new, with a payload': (nth) => once({ key: keyOf(nth), payload: order }, () => result),
  'once, duplicate': (nth) => once(keyOf(nth % 100), () => result),
}

/** @param {boolean} guarded @returns {Promise<(nth: number) => Promise<void>>} */
async function overHttp(guarded) {
  const app = Fastify()
  if (guarded) await app.register(idempotency, { once, scope: 'public' })
  app.post('/orders', async (_, reply) => {
    reply.code(201)
    return result
  })
  const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const body = JSON.stringify(order)
  const more = { 'content-type': 'application/json', 'content-length': body.length }
  return (nth) =>
    new Promise((answered, failed) => {
      const headers = { ...more, 'idempotency-key': keyOf(nth) }
      const asked = request({ port, agent, method: 'POST', path: '/orders', headers }, (answer) => {
        if (answer.statusCode !== 201) failed(new Error(`answered ${answer.statusCode}`))
        answer.resume().on('end', answered)
      })
      asked.on('error', failed).end(body)
    })
}

const work = alone[way] ?? (await overHttp(way === 'a guarded request'))
for (let nth = 0; nth < Number(times); nth++) await work(nth)
process.exit(0)
