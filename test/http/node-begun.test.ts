import { createServer, type ServerResponse } from 'node:http'
import { createServer as createServer2 } from 'node:http2'
import express from 'express'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { onlyonce } from '../../src/index.ts'
import { storeOn, tempFile } from '../integration/sqlite-helpers.ts'
import { orderOverHttp2 } from './harness/http2.ts'
import { listen, shut } from './harness/listen.ts'
import { newOnce, order, seen } from './harness/shop.ts'
import { rawConnection } from './raw-connection.ts'

const atomic = () =>
  idempotency(onlyonce({ store: storeOn(tempFile()), scope: 'test' }), { scope: 'public', atomic: true })
const leased = () => idempotency(newOnce(), { scope: 'public' })

/** Ways to begin an answer of which nothing is sent yet. */
const begins: [string, typeof leased, (res: ServerResponse) => void][] = [
  ['whose length was said', leased, (res) => void res.setHeader('content-length', 5).write('begun')],
  ['that waits for the commit', atomic, (res) => void res.write('begun')],
]

it.each(begins)('an answer %s breaks off where Express fails behind its first bytes', async (_, guard, begin) => {
  let fails = true
  const app = express().set('env', 'test')
  app.use(guard(), (_req, res) => {
    if (!fails) return void res.send('made')
    begin(res)
    throw new Error('behind the first bytes')
  })
  const server = createServer(app)
  onTestFinished(() => shut(server))
  const url = await listen(server)
  const connection = rawConnection(url)
  connection.post('k')
  expect(await connection.ended()).not.toContain('500')
  fails = false
  const again = await seen(await order(url, 'k', { body: '{}' }))
  expect(again).toMatchObject({ status: 200, body: 'made', replayed: false })
})

it.each(begins)('the head of an answer %s is settled with its first byte', async (_, guard, begin) => {
  const guarded = guard()
  const codes: unknown[] = []
  const server = createServer((req, res) =>
    guarded(req, res, () => {
      begin(res)
      res.statusCode = 500
      for (const late of [() => res.setHeader('content-length', 99), () => res.writeHead(500)]) {
        try {
          late()
        } catch (error) {
          codes.push((error as NodeJS.ErrnoException).code)
        }
      }
      res.flushHeaders()
      res.end()
    }),
  )
  onTestFinished(() => shut(server))
  const url = await listen(server)
  const connection = rawConnection(url)
  connection.post('k')
  expect(await connection.heard('begun')).toMatch(/^HTTP\/1.1 200 OK\r\n/)
  expect(codes).toEqual(['ERR_HTTP_HEADERS_SENT', 'ERR_HTTP_HEADERS_SENT'])
  expect(await seen(await order(url, 'k', { body: '{}' }))).toMatchObject({
    ...{ status: 200, body: 'begun', replayed: true },
  })
})

it('the head of an answer over HTTP/2 that waits for the commit is settled with its first byte', async () => {
  const guarded = atomic()
  let code: unknown
  const server = createServer2((req, res) => {
    const plain = res as unknown as ServerResponse
    guarded(req as never, plain, () => {
      plain.write('begun')
      try {
        plain.setHeader('content-length', 99)
      } catch (error) {
        code = (error as NodeJS.ErrnoException).code
      }
      plain.end()
    })
  })
  expect(await orderOverHttp2(server)).toEqual([200, 'begun'])
  expect(code).toBe('ERR_HTTP2_HEADERS_SENT')
})

it('an error behind the first bytes for a client that left frees the key', async () => {
  let fails = true
  const app = express().set('env', 'test')
  app.use(leased(), async (req, res) => {
    if (!fails) return void res.send('made')
    await new Promise((resolve) => req.socket.once('close', resolve))
    res.write('begun')
    throw Object.assign(new Error('behind the first bytes'), { status: 422 })
  })
  const server = createServer(app)
  onTestFinished(() => shut(server))
  const url = await listen(server)
  const connection = rawConnection(url)
  connection.post('k')
  await new Promise((resolve) => setTimeout(resolve, 30))
  await connection.leave()
  fails = false
  await expect
    .poll(async () => seen(await order(url, 'k', { body: '{}' })))
    .toMatchObject({ status: 200, body: 'made', replayed: false })
})
