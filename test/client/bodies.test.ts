import { Readable } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { idempotentFetch } from '../../src/client/index.ts'
import { closeServers, FAST, serve, statuses } from './server.ts'

afterEach(closeServers)

const stream = (...parts: readonly string[]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const part of parts) controller.enqueue(Buffer.from(part))
      controller.close()
    },
  })

const streamed = (body: ReadableStream): RequestInit => ({ method: 'POST', body, duplex: 'half' }) as RequestInit

describe('a body is the same on every attempt', () => {
  const form = new FormData()
  form.set('amount', '42')
  const bodies: readonly (readonly [string, RequestInit, string | undefined])[] = [
    ['text', { body: 'ключ' }, 'text/plain;charset=UTF-8'],
    ['bytes', { body: new Uint8Array([0, 255, 13, 10]) }, undefined],
    ['a form', { body: form }, 'multipart/form-data; boundary='],
    ['parameters', { body: new URLSearchParams({ a: '1' }) }, 'application/x-www-form-urlencoded;charset=UTF-8'],
    ['a blob', { body: new Blob(['b'], { type: 'text/css' }) }, 'text/css'],
    ['a stream', streamed(stream('one', 'two')), undefined],
    ['nothing', {}, undefined],
    ['text with a type', { body: '{}', headers: { 'content-type': 'application/json' } }, 'application/json'],
  ]
  it.each(bodies)('%s', async (_, init, type) => {
    const server = await serve(statuses(503, 503, 200))
    await idempotentFetch(fetch, FAST)(server.origin, { method: 'POST', ...init })
    const [first, ...others] = server.seen
    expect(others).toHaveLength(2)
    for (const other of others) {
      expect(other.body).toEqual(first?.body)
      expect(other.headers['content-type']).toBe(first?.headers['content-type'])
    }
    if (type === undefined) expect(first?.headers['content-type']).toBeUndefined()
    else expect(first?.headers['content-type']).toContain(type)
  })

  it('also when the caller changes it meanwhile', async () => {
    const body = Buffer.from('before')
    const server = await serve((response, _, number) => {
      body.fill('x')
      response.writeHead(number === 1 ? 503 : 200).end()
    })
    await idempotentFetch(fetch, FAST)(server.origin, { method: 'POST', body })
    expect(server.seen.map((one) => one.body.toString())).toEqual(['before', 'before'])
  })

  it.each([307, 308])('also after a redirect with %i, and on the attempt after that', async (status) => {
    const server = await serve((response, { url }, number) => {
      if (url === '/') response.writeHead(status, { location: '/moved' }).end()
      else response.writeHead(number < 4 ? 503 : 201).end()
    })
    const answer = await idempotentFetch(fetch, FAST)(server.origin, { method: 'POST', body: 'pay 42' })
    expect(answer.status).toBe(201)
    expect(server.seen.map(({ url, body, headers }) => `${url} ${body} ${headers['content-length']}`)).toEqual([
      ...['/ pay 42 6', '/moved pay 42 6', '/ pay 42 6', '/moved pay 42 6'],
    ])
    expect(new Set(server.keys).size).toBe(1)
  })

  it('of a Request, with its headers', async () => {
    const server = await serve(statuses(503, 200))
    const request = new Request(server.origin, { method: 'POST', body: 'r', headers: { 'x-a': '1' } })
    await idempotentFetch(fetch, FAST)(request, { headers: { 'x-b': '2' } })
    expect(server.seen.map(({ body, headers }) => [body.toString(), headers['x-a'], headers['x-b']])).toEqual([
      ['r', undefined, '2'],
      ['r', undefined, '2'],
    ])
  })

  it('of a Request in the place of the options, with what it says of redirects', async () => {
    const server = await serve((response, { url }) => {
      if (url === '/') response.writeHead(307, { location: '/moved' }).end()
      else response.writeHead(200).end()
    })
    const request = () => new Request('http://a.example/', { method: 'POST', body: 'r', redirect: 'manual' })
    const send = idempotentFetch(fetch, FAST)
    expect((await fetch(server.origin, request())).status).toBe(307)
    expect((await send(server.origin, request())).status).toBe(307)
    expect((await send(server.origin, { redirect: 'manual', method: 'POST', body: 'r' })).status).toBe(307)
    expect(server.seen.map(({ method, url, body }) => `${method} ${url} ${body}`)).toEqual(Array(3).fill('POST / r'))
  })
})

describe('a body that is a stream of something else than bytes', () => {
  it.each<readonly [string, unknown]>([
    ['text', 'pay 42'],
    ['an ArrayBuffer', new ArrayBuffer(3)],
    ['a DataView', new DataView(new ArrayBuffer(3))],
    ['numbers of two bytes', new Uint16Array([256, 257])],
    ['nothing', undefined],
  ])('is refused, and nothing is sent: %s', async (_, chunk) => {
    const server = await serve(statuses(200))
    let cancelled = false
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(chunk),
      cancel() {
        cancelled = true
      },
    })
    await expect(idempotentFetch(fetch, FAST)(server.origin, streamed(body))).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('`body` must be a stream of Uint8Array'),
    })
    expect([server.seen.length, cancelled]).toEqual([0, true])
  })
})

describe('a body that is too long to keep', () => {
  const long = () => stream('x'.repeat(600), 'y'.repeat(600))

  it('is refused before anything is sent', async () => {
    const server = await serve(statuses(200))
    const send = idempotentFetch(fetch, { maxBodyBytes: 1_000 })
    for (const init of [streamed(long()), { method: 'POST', body: 'z'.repeat(1_001) }]) {
      await expect(send(`${server.origin}/orders?token=secret`, init)).rejects.toMatchObject({
        code: 'OPTION_INVALID',
        message: expect.stringMatching(
          /^the body of POST http:\/\/127\.0\.0\.1:\d+\/orders is longer than `maxBodyBytes`/,
        ),
      })
    }
    expect(server.seen).toEqual([])
    expect((await send(server.origin, { method: 'POST', body: 'z'.repeat(1_000) })).status).toBe(200)
  })

  it('is sent once as it is by failfast', async () => {
    const server = await serve(statuses(503))
    const send = idempotentFetch(fetch, { policy: 'failfast', maxBodyBytes: 1_000 })
    expect((await send(server.origin, streamed(long()))).status).toBe(503)
    expect((await send(new Request(server.origin, streamed(long())))).status).toBe(503)
    expect(server.seen.map(({ body }) => body.length)).toEqual([1200, 1200])
  })

  it('is sent by failfast with `key` too, unless that is to be asked about it', async () => {
    const server = await serve(statuses(200))
    const send = idempotentFetch(fetch, { policy: 'failfast', key: () => 'order-1100', maxBodyBytes: 1_000 })
    const keyed = { ...streamed(long()), headers: { 'idempotency-key': 'order-1101' } }
    await expect(send(server.origin, keyed).then(({ status }) => status)).resolves.toBe(200)
    expect((await send(server.origin, { ...streamed(long()), method: 'PUT' })).status).toBe(200)
    expect(server.keys).toEqual(['order-1101', undefined])
    await expect(send(server.origin, streamed(long()))).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringMatching(/cannot be given to `key`; raise it, or send the key in the header/),
    })
    expect(server.seen).toHaveLength(2)
  })

  it.each(['failfast', 'failover'] as const)('is sent once from an async iterable, by %s', async (policy) => {
    const server = await serve(statuses(200))
    async function* parts() {
      yield Buffer.from('pay ')
      yield Buffer.from('42')
    }
    const send = idempotentFetch(fetch, { policy, maxAttempts: 1 })
    const bodies = [parts(), Readable.from(parts())] as unknown as RequestInit['body'][]
    for (const body of bodies) await send(server.origin, { method: 'POST', body: body as ReadableStream })
    expect(server.seen.map(({ body }) => body.toString())).toEqual(['pay 42', 'pay 42'])
  })
})

describe('the answer', () => {
  it('is the very response of fetch, to be read once and in full', async () => {
    const bytes = Buffer.alloc(3 * 1024 * 1024, 'abc')
    const server = await serve((response) => response.writeHead(201, { 'x-a': '1' }).end(bytes))
    const made: Response[] = []
    const watched = async (...args: Parameters<typeof fetch>) => {
      const response = await fetch(...args)
      made.push(response)
      return response
    }
    const response = await idempotentFetch(watched)(server.origin, { method: 'POST' })
    expect(response).toBe(made[0])
    expect(response.bodyUsed).toBe(false)
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true)
  })

  /** As React Native, node-fetch and the stand-ins of tests have them. */
  it.each([
    ['null', () => null],
    ['not there', () => undefined],
    ['a stream of another kind', () => Readable.from(['made'])],
  ])('of a foreign fetch whose body is %s counts, and is let go of before the next attempt', async (_, bodyOf) => {
    const bodies: unknown[] = []
    const foreign = async () => {
      const status = bodies.push(bodyOf()) === 1 ? 503 : 201
      const answer = { status, headers: new Headers(), bodyUsed: false, body: bodies.at(-1), text: async () => 'made' }
      return answer as unknown as Response
    }
    const response = await idempotentFetch(foreign, FAST)('http://127.0.0.1', { method: 'POST' })
    expect([response.status, await response.text()]).toEqual([201, 'made'])
    expect(bodies.map((body) => body instanceof Readable && body.destroyed)).toEqual([
      bodies[0] instanceof Readable,
      false,
    ])
  })

  it('that is none is an error of the call, and of nobody else', async () => {
    const unheard: unknown[] = []
    const hear = (reason: unknown) => unheard.push(reason)
    process.on('unhandledRejection', hear)
    const nothing = async () => undefined as unknown as Response
    await expect(idempotentFetch(nothing, FAST)('http://127.0.0.1', { method: 'POST' })).rejects.toThrow(TypeError)
    await new Promise((resolve) => setTimeout(resolve, 10))
    process.off('unhandledRejection', hear)
    expect(unheard).toEqual([])
  })

  it('of an event stream is not waited for', async () => {
    const server = await serve((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
    })
    const response = await idempotentFetch(fetch)(server.origin, { method: 'POST' })
    const { value } = (await response.body?.getReader().read()) ?? {}
    expect(Buffer.from(value ?? []).toString()).toBe('data: 1\n\n')
  })
})
