import { once } from 'node:events'
import { createServer } from 'node:http'
import fastify from 'fastify'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { idempotency as fastifyPlugin } from '../../src/http/fastify.ts'
import { engine, until } from './fetch-kit.ts'
import { listen, shut } from './harness/listen.ts'
import { rawConnection } from './raw-connection.ts'

const POST = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}'

it.each([
  ['it is handled', 'handling'],
  ['its key is asked for', 'asking'],
])('a request without a key is told that its client left while %s', async (_, when) => {
  const told: string[] = []
  const guard = idempotency(engine(), {
    scope: 'public',
    async key({ request }) {
      told.push('asking')
      if (when === 'asking') await once(request.socket, 'close')
      return undefined
    },
  })
  const server = createServer((req, res) => {
    for (const event of ['aborted', 'close']) req.on(event, () => told.push(event))
    req.on('error', () => {})
    guard(req, res, () => void told.push('handling'))
  })
  onTestFinished(() => shut(server))
  const connection = rawConnection(await listen(server))
  connection.send(POST)
  await until(() => told.includes(when))
  await connection.leave()
  await until(() => told.includes('close') && told.includes('handling'))
  expect(told.filter((event) => event !== 'handling')).toEqual(['asking', 'aborted', 'close'])
})

it('Fastify hears of the abort of a request without a key', async () => {
  const app = fastify()
  app.register(fastifyPlugin, { once: engine(), scope: 'public' })
  const told: string[] = []
  app.addHook('onRequestAbort', async (_request) => void told.push('aborted'))
  app.post('/', (_request, reply) => {
    told.push('handling')
    reply.raw.on('close', () => reply.hijack())
  })
  onTestFinished(() => app.close())
  const connection = rawConnection(await app.listen({ port: 0, host: '127.0.0.1' }))
  connection.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n')
  await until(() => told.includes('handling'))
  await connection.leave()
  await until(() => told.includes('aborted'))
})
