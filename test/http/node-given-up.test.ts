import { once as event } from 'node:events'
import { createServer } from 'node:http'
import express from 'express'
import fastify from 'fastify'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { idempotency as fastifyPlugin } from '../../src/http/fastify.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { engine, gated, POST, settled, until } from './fetch-kit.ts'
import { listen, shut } from './harness/listen.ts'
import { newOnce, order, seen } from './harness/shop.ts'
import { rawConnection } from './raw-connection.ts'

/** An application of Express behind the guard, whose errors nobody prints. */
async function serve(handler: express.RequestHandler, once = newOnce()): Promise<string> {
  const app = express().set('env', 'test')
  app.use(idempotency(once, { scope: 'public' }), handler)
  const server = createServer(app)
  onTestFinished(() => shut(server))
  return listen(server)
}

it('Express that throws behind an answer has answered, and closes the connection then', async () => {
  const { store, completing, open } = gated(memoryStore())
  const url = await serve((_req, res) => {
    res.status(201).json({ made: 1 })
    throw new Error('too late')
  }, engine({ store }))
  const connection = rawConnection(url)
  connection.post('k')
  await until(completing)
  // Express gives up in another turn.
  await new Promise((resolve) => setTimeout(resolve, 20))
  open()
  const answer = await connection.ended()
  expect(answer).toMatch(/^HTTP\/1.1 201 Created\r\n.*\{"made":1\}$/s)
  const again = await seen(await order(url, 'k', { body: '{}' }))
  expect(again).toMatchObject({ status: 201, body: '{"made":1}', replayed: true })
})

it('Express that throws in the middle of an answer whose client left gives the key back', async () => {
  let runs = 0
  let gone = () => {}
  const left = new Promise<void>((resolve) => {
    gone = resolve
  })
  const url = await serve(async (req, res) => {
    if (++runs > 1) return void res.send('made')
    res.write('part')
    await event(req.socket, 'close')
    gone()
    throw new Error('the effect failed')
  })
  const connection = rawConnection(url)
  connection.post('k')
  await connection.heard('part')
  await connection.leave()
  await left
  const again = await settled(() => order(url, 'k', { body: '{}' }))
  expect(await seen(again)).toMatchObject({ status: 200, body: 'made', replayed: false })
  expect(runs).toBe(2)
})

it('Fastify that answers `undefined` to a client that left has answered', async () => {
  const app = fastify()
  app.register(fastifyPlugin, { once: engine(), scope: 'public' })
  let runs = 0
  let begin = () => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  app.post('/', async (request, reply) => {
    runs++
    begin()
    await event(request.raw.socket, 'close')
    reply.code(204)
  })
  onTestFinished(() => app.close())
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const connection = rawConnection(url)
  connection.post('k')
  await begun
  await connection.leave()
  const again = await settled(() => fetch(url, POST('k')))
  expect(await seen(again)).toMatchObject({ status: 204, replayed: true })
  expect(runs).toBe(1)
})
