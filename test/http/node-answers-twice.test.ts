import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createServer2 } from 'node:http2'
import express from 'express'
import express4 from 'express4'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { orderOverHttp2 } from './harness/http2.ts'
import { listen, shut } from './harness/listen.ts'
import { newOnce, order, seen } from './harness/shop.ts'
import { rawConnection } from './raw-connection.ts'

/** What a handler that forgot its `return` is told by Node, once its first answer is on its way. */
function codeOf(answer: () => unknown): unknown {
  try {
    answer()
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}

const made = '{"made":"the first of two"}'

async function serve(handler: (res: ServerResponse) => void) {
  const guard = idempotency(newOnce(), { scope: 'public' })
  const server = createServer((req, res) => {
    if (req.method === 'GET') res.end('innocent')
    else guard(req, res, () => handler(res))
  })
  onTestFinished(() => shut(server))
  return listen(server)
}

it.each([
  ['shorter', (res: ServerResponse) => res.setHeader('content-length', 1)],
  ['longer', (res: ServerResponse) => res.setHeader('content-length', 1_000)],
  ['another type', (res: ServerResponse) => res.appendHeader('content-type', 'text/html')],
  ['no length', (res: ServerResponse) => res.removeHeader('content-length')],
  ['its own head', (res: ServerResponse) => res.writeHead(400, { 'content-length': 1 })],
])('a second answer (%s) is refused, and the client has the first', async (_, again) => {
  const codes: unknown[] = []
  const url = await serve((res) => {
    res.statusCode = 201
    res.setHeader('content-type', 'application/json').setHeader('content-length', made.length).end(made)
    res.statusCode = 400
    res.statusMessage = 'No'
    codes.push(codeOf(() => again(res)))
    res.flushHeaders()
    res.end('!')
  })
  const connection = rawConnection(url)
  connection.post('k')
  const first = await connection.heard(made)
  connection.get()
  const both = await connection.heard('innocent')
  expect(first.split('\r\n')[0]).toBe('HTTP/1.1 201 Created')
  expect(both.slice(first.length).split('\r\n')[0]).toBe('HTTP/1.1 200 OK')
  expect(codes).toEqual(['ERR_HTTP_HEADERS_SENT'])
  expect(await seen(await order(url, 'k', { body: '{}' }))).toMatchObject({ status: 201, body: made, replayed: true })
})

it.each([
  ['5', express],
  ['4', express4 as typeof express],
])('a forgotten return in Express %s costs the client nothing', async (_, framework) => {
  const app = framework()
  app.use(idempotency(newOnce(), { scope: 'public' }))
  app.use((_req, res) => {
    res.status(201).json({ made: 1 })
    codes.push(codeOf(() => res.status(400).json({ error: 'something that is much longer than that' })))
    res.status(500)
  })
  const codes: unknown[] = []
  const server = createServer(app)
  onTestFinished(() => shut(server))
  const url = await listen(server)
  expect(await seen(await order(url, 'k'))).toMatchObject({ status: 201, body: '{"made":1}', replayed: false })
  expect(await seen(await order(url, 'k'))).toMatchObject({ status: 201, body: '{"made":1}', replayed: true })
  expect(codes).toEqual(['ERR_HTTP_HEADERS_SENT'])
})

it('a second answer is refused over HTTP/2, too', async () => {
  const guard = idempotency(newOnce(), { scope: 'public' })
  const codes: unknown[] = []
  const server = createServer2((req, res) =>
    guard(req as unknown as IncomingMessage, res as unknown as ServerResponse, () => {
      res.statusCode = 201
      res.end(made)
      res.statusCode = 400
      codes.push(codeOf(() => res.setHeader('content-length', 1)))
    }),
  )
  const [status, body] = await orderOverHttp2(server)
  expect([status, body, codes]).toEqual([201, made, ['ERR_HTTP2_HEADERS_SENT']])
})
