import { once as event } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import express from 'express'
import { expect, it, onTestFinished } from 'vitest'
import { onlyonce } from '../../src/core/engine.ts'
import { idempotency } from '../../src/http/express.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { until } from './fetch-kit.ts'
import { listen, shut } from './harness/listen.ts'
import { order, seen } from './harness/shop.ts'
import { rawConnection } from './raw-connection.ts'

it('a duplicate that something in front has answered while it waited is answered once', async () => {
  const once = onlyonce({ store: memoryStore(), scope: 'test' })
  const asked: ServerResponse[] = []
  const errors: unknown[] = []
  let end = () => {}
  const app = express()
  app.use((_req, res, next) => {
    asked.push(res)
    next()
  })
  app.use(idempotency(once, { scope: 'public', onInFlight: 'wait' }))
  app.use((_req, res) => {
    end = () => void res.send('made')
  })
  app.use(((error, _req, _res, next) => {
    errors.push(error)
    next(error)
  }) satisfies express.ErrorRequestHandler)
  const server = createServer(app)
  onTestFinished(() => shut(server))
  const url = await listen(server)
  const first = order(url, 'k', { body: '{}' })
  await until(() => asked.length === 1)
  const connection = rawConnection(url)
  connection.post('k')
  await until(() => asked.length === 2)
  const duplicate = asked[1] as ServerResponse
  const replied = new Promise<void>((resolve) => {
    once.on(({ type }) => type === 'replayed' && resolve())
  })
  duplicate.writeHead(503).end('too slow')
  await event(duplicate, 'close')
  end()
  expect((await seen(await first)).body).toBe('made')
  await replied
  await new Promise(setImmediate)
  // The connection is still there for the next request.
  connection.post('k')
  expect(await connection.heard('made')).toMatch(/^HTTP\/1.1 503 [\s\S]*HTTP\/1.1 200 /)
  expect(errors).toEqual([])
})
