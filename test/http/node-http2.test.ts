import { once as event } from 'node:events'
import {
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  connect,
  constants,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import type { Once } from '../../src/core/once.ts'
import type { Store } from '../../src/core/store.ts'
import { idempotency } from '../../src/http/express.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { engine, later, sleep, until } from './fetch-kit.ts'

type Handler = (req: Http2ServerRequest, res: Http2ServerResponse, body: string) => void

/** A guarded server that hands `handle` the body, and a client's session with it. */
async function sessionWith(once: Once, handle: Handler) {
  const guard = idempotency(once, { scope: 'public' })
  const failures: unknown[] = []
  const server = createServer((req: Http2ServerRequest, res: Http2ServerResponse) => {
    guard(
      req as never,
      res as never,
      ((error?: unknown) => {
        if (error !== undefined) return failures.push(error)
        const chunks: Buffer[] = []
        req.on('data', (chunk: Buffer) => chunks.push(chunk))
        return req.on('end', () => handle(req, res, String(Buffer.concat(chunks))))
      }) as never,
    )
  })
  server.listen(0, '127.0.0.1')
  await event(server, 'listening')
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  later(() => {
    session.destroy()
    server.close()
  })
  const post = (key: string, headers: OutgoingHttpHeaders = {}, options: ClientSessionRequestOptions = {}) =>
    session.request({ ':method': 'POST', ':path': '/orders', 'idempotency-key': key, ...headers }, options)
  return { post, failures }
}

async function answerOf(stream: ClientHttp2Stream) {
  let text = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const [headers] = await event(stream, 'response')
  await event(stream, 'end')
  return [headers[':status'], text]
}

it.each([
  ['without a body', undefined],
  ['with a body', 'hello'],
  ['with an empty body', ''],
])('guards a request over HTTP/2 %s', async (_, body) => {
  let runs = 0
  const { post } = await sessionWith(engine(), (_req, res, sent) => void res.writeHead(201).end(`${++runs} ${sent}`))
  const ask = (key: string) => {
    const stream = post(key, {}, { endStream: body === undefined })
    if (body !== undefined) stream.end(body)
    return answerOf(stream)
  }
  expect(await ask('a')).toEqual([201, `1 ${body ?? ''}`])
  expect(await ask('a')).toEqual([201, `1 ${body ?? ''}`])
  expect(await ask('b')).toEqual([201, `2 ${body ?? ''}`])
})

it('keeps the head of an answer that a handler sends on the stream itself, and runs it once', async () => {
  let runs = 0
  const { post } = await sessionWith(engine(), (_req, res) => {
    runs++
    res.stream.respond({ ':status': 201, location: '/orders/1', 'set-cookie': 'a=1' })
    res.stream.end('made')
  })
  expect(await answerOf(post('k').end())).toEqual([201, 'made'])
  const again = post('k').end()
  const [headers] = await event(again, 'response')
  expect(headers).toMatchObject({ ':status': 201, location: '/orders/1', 'idempotency-body-omitted': 'cut-off' })
  expect([headers['set-cookie'], runs]).toEqual([undefined, 1])
})

it('does not take an upload over HTTP/2 that was reset half-way for a whole one', async () => {
  const once = engine()
  const claimed: string[] = []
  once.on(({ type }) => claimed.push(type))
  const bodies: string[] = []
  const { post, failures } = await sessionWith(once, (_, res, body) => {
    bodies.push(body)
    res.writeHead(201).end('made')
  })
  const cut = post('k', { 'content-length': '10' })
  cut.on('error', () => {})
  cut.write('amount=1')
  await sleep(50)
  cut.close(constants.NGHTTP2_CANCEL)
  await until(() => failures.length > 0 || bodies.length > 0)
  expect([bodies, claimed]).toEqual([[], []])
  const whole = post('k', { 'content-length': '10' })
  whole.end('amount=100')
  expect(await answerOf(whole)).toEqual([201, 'made'])
  expect(bodies).toEqual(['amount=100'])
})

it('a client over HTTP/2 that leaves while its whole request is claimed changes nothing', async () => {
  const store = memoryStore()
  let claiming = 0
  const claim: Store['claim'] = async (requests) => {
    claiming++
    await sleep(100)
    return store.claim(requests)
  }
  const bodies: string[] = []
  const { post } = await sessionWith(engine({ store: { ...store, claim } }), (_, res, body) => {
    bodies.push(body)
    res.writeHead(201).end('made')
  })
  const leaving = post('k')
  leaving.on('error', () => {})
  leaving.end('amount=100')
  await until(() => claiming > 0)
  leaving.close(constants.NGHTTP2_CANCEL)
  await until(() => bodies.length > 0)
  expect(bodies).toEqual(['amount=100'])
})
