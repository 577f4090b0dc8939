import { createServer, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import { createServer as createServer2 } from 'node:http2'
import { text } from 'node:stream/consumers'
import express from 'express'
import express4 from 'express4'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { orderOverHttp2 } from './harness/http2.ts'
import { listen, shut } from './harness/listen.ts'
import { newOnce, order } from './harness/shop.ts'

it.each([
  ['5', 'with its head', express],
  ['4', 'with its head', express4 as typeof express],
  ['4', 'after its head', express4 as typeof express],
])('a chunked body without bytes reaches the parser of Express %s behind the guard, %s', async (_, when, of) => {
  const app = of()
  let arrived = () => {}
  const arrives = new Promise<void>((resolve) => {
    arrived = resolve
  })
  app.use((_req, _res, next) => {
    next()
    arrived()
  })
  app.use(idempotency(newOnce(), { scope: 'public' }), of.json())
  app.use((_req, res) => void res.send('made'))
  const server = createServer(app)
  onTestFinished(() => shut(server))
  const headers = { 'content-type': 'application/json', 'idempotency-key': 'k', 'transfer-encoding': 'chunked' }
  const url = await listen(server)
  const answer = new Promise<IncomingMessage>((resolve) => {
    const asked = request(url, { method: 'POST', headers, agent: false }, resolve)
    if (when === 'with its head') asked.end()
    else {
      asked.flushHeaders()
      void arrives.then(() => setImmediate(() => asked.end()))
    }
  })
  expect((await answer).resume().statusCode).toBe(200)
})

it.each([
  ['that was read in front of the guard and left elsewhere is refused', 'elsewhere', 500],
  ['that was read in front of the guard and left in req.body is compared', 'body', 422],
])('a body %s', async (_, where, status) => {
  const told: unknown[] = []
  const guard = idempotency<IncomingMessage>(newOnce(), { scope: 'public' })
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const handler = (error?: unknown) => {
      if (error !== undefined) told.push((error as { code?: string }).code)
      res.statusCode = error === undefined ? 200 : 500
      res.end()
    }
    guard(Object.assign(req, { [where]: Buffer.concat(chunks) }), res, handler)
  })
  onTestFinished(() => shut(server))
  const url = await listen(server)
  await order(url, 'k', { body: '{"pay":1}' })
  expect((await order(url, 'k', { body: '{"pay":1000}' })).status).toBe(status)
  expect(told).toEqual(status === 500 ? ['OPTION_INVALID', 'OPTION_INVALID'] : [])
})

const file = { fieldname: 'photo', buffer: Buffer.from('one') }

it.each([
  ['a file beside its fields', { file }, 500],
  ['a list of files', { files: [file] }, 500],
  ['files by their names', { files: { photo: [file] } }, 500],
  ['no files', { file: undefined, files: [] }, 200],
  ['no files by their names', { files: {} }, 200],
  // What @fastify/multipart puts on every request.
  ['functions that read files', { file() {}, files() {} }, 200],
])('a body of which a parser left %s', async (_, left, status) => {
  const told: unknown[] = []
  const guard = idempotency<IncomingMessage>(newOnce(), { scope: 'public' })
  const server = createServer((req, res) => {
    const handler = (error?: unknown) => {
      if (error !== undefined) told.push((error as { code?: string }).code)
      res.writeHead(error === undefined ? 200 : 500).end()
    }
    req.resume().on('end', () => guard(Object.assign(req, { body: { to: 'me' } }, left), res, handler))
  })
  onTestFinished(() => shut(server))
  expect((await order(await listen(server), 'k')).status).toBe(status)
  expect(told).toEqual(status === 500 ? ['OPTION_INVALID'] : [])
})

it.each<[string, (req: IncomingMessage) => unknown]>([
  ['listens', (req) => req.on('data', () => {})],
  ['listens, and has paused it', (req) => req.on('data', () => {}).pause()],
  ['throws it away', (req) => req.resume()],
])('a body to which something in front of the guard %s is refused', async (_, front) => {
  const told: unknown[] = []
  const guard = idempotency<IncomingMessage>(newOnce(), { scope: 'public' })
  const server = createServer((req, res) => {
    front(req)
    guard(req, res, (error?: unknown) => {
      told.push((error as { code?: string } | undefined)?.code)
      res.writeHead(error === undefined ? 200 : 500).end()
    })
  })
  onTestFinished(() => shut(server))
  const url = await listen(server)
  for (const body of ['{"pay":1}', '{"pay":1000}']) expect((await order(url, 'k', { body })).status).toBe(500)
  expect(told).toEqual(['OPTION_INVALID', 'OPTION_INVALID'])
  expect((await order(url, 'k', { body: null })).status).toBe(200)
})

it.each<[string, (req: IncomingMessage, guard: () => void) => unknown, OutgoingHttpHeaders]>([
  ['reads when it arrives', readsLater, {}],
  ['reads when it arrives, of a length that is said', readsLater, { 'content-length': 8 }],
  ['has begun to read', readsFirst, { 'content-length': 8 }],
])('a body that something in front of the guard %s is refused', async (_, front, headers) => {
  const guard = idempotency<IncomingMessage>(newOnce(), { scope: 'public' })
  const server = createServer((req, res) => {
    front(req, () => guard(req, res, (error?: unknown) => res.end((error as { code?: string } | undefined)?.code)))
  })
  onTestFinished(() => shut(server))
  const url = await listen(server)
  for (const body of ['pay=1000', 'win=1000']) {
    const answer = new Promise<IncomingMessage>((resolve) => {
      const asked = request(url, { method: 'POST', headers: { 'idempotency-key': 'k', ...headers } }, resolve)
      asked.flushHeaders()
      setTimeout(() => asked.end(body), 50)
    })
    expect(await text(await answer)).toBe('OPTION_INVALID')
  }
})

function readsLater(req: IncomingMessage, guard: () => void) {
  req.on('readable', () => {
    while (req.read() !== null);
  })
  guard()
}

function readsFirst(req: IncomingMessage, guard: () => void) {
  req.once('readable', () => {
    req.read(4)
    guard()
  })
}

it('a body of HTTP/2 that was read in front of the guard and left elsewhere is refused', async () => {
  const guard = idempotency<IncomingMessage>(newOnce(), { scope: 'public' })
  const server = createServer2((req, res) => {
    const handler = (error?: unknown) => res.end((error as { code?: string } | undefined)?.code ?? 'made')
    req.resume().on('end', () => guard(Object.assign(req, { rawBody: 'pay' }) as never, res as never, handler))
  })
  expect(await orderOverHttp2(server, 'pay')).toEqual([200, 'OPTION_INVALID'])
})

it('a request without a body needs none', async () => {
  const guard = idempotency<IncomingMessage>(newOnce(), { scope: 'public' })
  const server = createServer((req, res) => req.resume().on('end', () => guard(req, res, () => res.end('made'))))
  onTestFinished(() => shut(server))
  const answer = await order(await listen(server), 'k', { body: null })
  expect([answer.status, await answer.text()]).toEqual([200, 'made'])
})
