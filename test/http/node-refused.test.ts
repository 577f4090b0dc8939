import { createServer, type ServerResponse } from 'node:http'
import express4 from 'express4'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { listen, shut } from './harness/listen.ts'
import { newOnce, order, seen } from './harness/shop.ts'

/** The first answer and the second, of a handler behind the guard, and the codes of what it was thrown. */
async function twice(handler: (res: ServerResponse) => unknown) {
  const codes: unknown[] = []
  const guard = idempotency(newOnce(), { scope: 'public' })
  const server = createServer((req, res) =>
    guard(req, res, () => {
      try {
        handler(res)
      } catch (error) {
        codes.push((error as NodeJS.ErrnoException).code)
        Object.assign(res, { statusCode: 500, statusMessage: '', strictContentLength: false })
        if (!res.headersSent) res.removeHeader('content-length')
        res.end('failed')
      }
    }),
  )
  onTestFinished(() => shut(server))
  const url = await listen(server)
  return { first: await seen(await order(url, 'k')), second: await seen(await order(url, 'k')), codes }
}

function strict(res: ServerResponse, length: number): ServerResponse {
  res.strictContentLength = true
  return res.setHeader('content-length', length)
}

it.each<[string, string, (res: ServerResponse) => unknown]>([
  ['a body that is an object', 'ERR_INVALID_ARG_TYPE', (res) => res.end({})],
  ['a body that is a number', 'ERR_INVALID_ARG_TYPE', (res) => res.end(42)],
  [
    'a part that is a number',
    'ERR_INVALID_ARG_TYPE',
    // With all of its length out, what is written waits as the end does.
    (res) => [res.setHeader('content-length', 1).write('1'), res.write(2)],
  ],
  ['no status', 'ERR_HTTP_INVALID_STATUS_CODE', (res) => Object.assign(res, { statusCode: undefined as never }).end()],
  ['an impossible status', 'ERR_HTTP_INVALID_STATUS_CODE', (res) => Object.assign(res, { statusCode: 1000 }).end()],
  ['a body that is longer than was said', 'ERR_HTTP_CONTENT_LENGTH_MISMATCH', (res) => strict(res, 2).end('abc')],
  ['a body that is shorter than was said', 'ERR_HTTP_CONTENT_LENGTH_MISMATCH', (res) => strict(res, 9).end('abc')],
  ['a part that is longer than was said', 'ERR_HTTP_CONTENT_LENGTH_MISMATCH', (res) => strict(res, 2).write('abc')],
  ['a status message of two lines', 'ERR_INVALID_CHAR', (res) => Object.assign(res, { statusMessage: 'a\nb' }).end()],
])('%s is refused where it is said', async (_, code, handler) => {
  const { codes } = await twice(handler)
  expect(codes[0]).toBe(code)
})

it('what was refused is not recorded, and the answer after it counts', async () => {
  const { first, second, codes } = await twice((res) => res.end(42))
  for (const answer of [first, second]) expect(answer).toMatchObject({ status: 500, body: 'failed', replayed: false })
  expect(codes.length).toBe(2)
})

it('an answer of another length than was said is not recorded, and the one after it counts', async () => {
  const { first, second } = await twice((res) => strict(res, 2).end('abc'))
  for (const answer of [first, second]) expect(answer).toMatchObject({ status: 500, body: 'failed', replayed: false })
})

it('an answer of the length that was said passes, as does one that never has a body', async () => {
  const { first } = await twice((res) => {
    strict(res, 4).write('ma')
    res.end('de')
  })
  expect(first).toMatchObject({ status: 200, body: 'made' })
  const bodiless = await twice((res) => void strict(res, 4).writeHead(304).end())
  expect(bodiless).toMatchObject({ first: { status: 304 }, codes: [] })
})

it('Express 4 answers a status that is none with its own error', async () => {
  const app = express4().set('env', 'test')
  app.use(idempotency(newOnce(), { scope: 'public' }))
  app.use((_req, res) => res.status(undefined as never).json({ made: 1 }))
  const server = createServer(app)
  onTestFinished(() => shut(server))
  const url = await listen(server)
  for (const answer of [await order(url, 'k'), await order(url, 'k')]) expect(answer.status).toBe(500)
})

it.each<[string, number, (res: ServerResponse) => unknown]>([
  ['as text', 201, (res) => Object.assign(res, { statusCode: '201' }).end('made')],
  ['as text in the head', 201, (res) => res.writeHead('201' as never).end('made')],
  ['as text that says that it failed', 500, (res) => res.writeHead('500' as never).end('made')],
])('a status %s counts as Node takes it', async (_, status, handler) => {
  const { first, second } = await twice(handler)
  expect(first).toMatchObject({ status, body: 'made', replayed: false })
  expect(second).toMatchObject({ status, body: 'made', replayed: status === 201 })
})

it('a head that is said by its old name is heard', async () => {
  const { first, second } = await twice((res) => {
    const old = res as unknown as { writeHeader: ServerResponse['writeHead'] }
    old.writeHeader(201, { 'content-type': 'text/x-made' }).end('made')
  })
  expect(second).toEqual({ ...first, replayed: true })
  expect(first).toMatchObject({ status: 201, type: 'text/x-made' })
})
