import { once as event } from 'node:events'
import { connect, constants, createServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { engine, later, until } from './fetch-kit.ts'

async function serverOn() {
  const guard = idempotency(engine(), { scope: 'public', required: true })
  let runs = 0
  const server = createServer((req: Http2ServerRequest, res: Http2ServerResponse) => {
    guard(req as never, res as never, () => {
      const chunks: Buffer[] = []
      req.on('data', (chunk: Buffer) => chunks.push(chunk))
      req.on('end', () => res.writeHead(201).end(`${++runs} ${Buffer.concat(chunks)}`))
    })
  })
  server.listen(0, '127.0.0.1')
  await event(server, 'listening')
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  later(() => {
    session.destroy()
    server.close()
  })
  return async (key: string, body?: string) => {
    const stream = session.request(
      { ':method': 'POST', ':path': '/orders', 'idempotency-key': key },
      { endStream: body === undefined },
    )
    if (body !== undefined) stream.end(body)
    let text = ''
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    const [headers] = await event(stream, 'response')
    await event(stream, 'end')
    return [headers[':status'], text]
  }
}

it.each([
  ['without a body', undefined],
  ['with a body', 'hello'],
  ['with an empty body', ''],
])('guards a request over HTTP/2 %s', async (_, body) => {
  const post = await serverOn()
  expect(await post('a', body)).toEqual([201, `1 ${body ?? ''}`])
  expect(await post('a', body)).toEqual([201, `1 ${body ?? ''}`])
  expect(await post('b', body)).toEqual([201, `2 ${body ?? ''}`])
})

it('does not take an upload over HTTP/2 that was reset half-way for a whole one', async () => {
  const once = engine()
  const claimed: string[] = []
  once.on(({ type }) => claimed.push(type))
  const guard = idempotency(once, { scope: 'public' })
  const bodies: string[] = []
  const failures: unknown[] = []
  const server = createServer((req: Http2ServerRequest, res: Http2ServerResponse) => {
    const handle = (error?: unknown) => {
      if (error !== undefined) return failures.push(error)
      const chunks: Buffer[] = []
      req.on('data', (chunk: Buffer) => chunks.push(chunk))
      return req.on('end', () => {
        bodies.push(String(Buffer.concat(chunks)))
        res.writeHead(201).end('made')
      })
    }
    guard(req as never, res as never, handle as never)
  })
  server.listen(0, '127.0.0.1')
  await event(server, 'listening')
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  later(() => {
    session.destroy()
    server.close()
  })
  const post = () =>
    session.request({ ':method': 'POST', ':path': '/pay', 'idempotency-key': 'k', 'content-length': '10' })
  const cut = post()
  cut.on('error', () => {})
  cut.write('amount=1')
  await new Promise((resolve) => setTimeout(resolve, 50))
  cut.close(constants.NGHTTP2_CANCEL)
  await until(() => failures.length > 0 || bodies.length > 0)
  expect([bodies, claimed]).toEqual([[], []])
  const whole = post()
  whole.end('amount=100')
  const [headers] = await event(whole, 'response')
  expect([headers[':status'], bodies]).toEqual([201, ['amount=100']])
})

it('a client over HTTP/2 that leaves while its whole request is claimed changes nothing', async () => {
  const store = memoryStore()
  let claiming = 0
  const slow = Object.assign(Object.create(store), {
    async claim(requests: Parameters<typeof store.claim>[0]) {
      claiming++
      await new Promise((resolve) => setTimeout(resolve, 100))
      return store.claim(requests)
    },
  }) as typeof store
  const guard = idempotency(engine({ store: slow }), { scope: 'public' })
  const bodies: string[] = []
  const server = createServer((req: Http2ServerRequest, res: Http2ServerResponse) => {
    guard(req as never, res as never, () => {
      const chunks: Buffer[] = []
      req.on('data', (chunk: Buffer) => chunks.push(chunk))
      req.on('end', () => {
        bodies.push(String(Buffer.concat(chunks)))
        res.writeHead(201).end('made')
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await event(server, 'listening')
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  later(() => {
    session.destroy()
    server.close()
  })
  const leaving = session.request({ ':method': 'POST', ':path': '/pay', 'idempotency-key': 'k' })
  leaving.on('error', () => {})
  leaving.end('amount=100')
  await until(() => claiming > 0)
  leaving.close(constants.NGHTTP2_CANCEL)
  await until(() => bodies.length > 0)
  expect(bodies).toEqual(['amount=100'])
})
