import { afterEach, describe, expect, it } from 'vitest'
import { type ClientEvent, idempotentFetch, isReplay } from '../../src/client/index.ts'
import { closedOrigin, closeServers, FAST, serve, statuses } from './server.ts'

afterEach(closeServers)

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const POST = { method: 'POST', body: 'pay 42' }

describe('the key of a call', () => {
  it('is a UUID, the same on every attempt, and another one for the next call', async () => {
    const server = await serve(statuses(503, 503, 200))
    const send = idempotentFetch(fetch, FAST)
    expect((await send(server.origin, POST)).status).toBe(200)
    await send(server.origin, POST)
    const [first, second, third, fourth] = server.keys
    expect(first).toMatch(UUID_V4)
    expect([second, third]).toEqual([first, first])
    expect(fourth).toMatch(UUID_V4)
    expect(fourth).not.toBe(first)
    expect(server.seen.map(({ body }) => body.toString())).toEqual(Array(4).fill('pay 42'))
  })

  it('is the one that the caller wrote, or that `key` makes of the request', async () => {
    const server = await serve(statuses(200))
    const send = idempotentFetch(fetch, { key: ({ body }) => `order-${Buffer.from(body ?? []).toString()}` })
    await send(server.origin, { method: 'POST', body: '1100' })
    await send(server.origin, { method: 'POST', headers: { 'Idempotency-Key': '"mine"' } })
    await send(new Request(server.origin, { method: 'PATCH', body: '7', headers: { 'idempotency-key': 'own' } }))
    expect(server.keys).toEqual(['order-1100', '"mine"', 'own'])
  })

  it('can be quoted, and sent under another name', async () => {
    const server = await serve(statuses(200))
    const send = idempotentFetch(fetch, { key: () => 'a "b" c', keyFormat: 'quoted', keyHeader: 'X-Request-Id' })
    await send(server.origin, POST)
    expect(server.seen[0]?.headers['x-request-id']).toBe('"a \\"b\\" c"')
  })

  it.each(['', 'a b', 'ключ', 'order:undefined', 'x'.repeat(256), '"half', 'a\r\nb: c'])(
    'is refused as %j',
    async (key) => {
      const server = await serve(statuses(200))
      const send = idempotentFetch(fetch, { key: () => key })
      await expect(send(server.origin, POST)).rejects.toMatchObject({ code: expect.stringMatching(/^KEY_/) })
      expect(server.seen).toEqual([])
    },
  )

  it('is not given to methods that need none', async () => {
    const server = await serve(statuses(200))
    const send = idempotentFetch(fetch)
    for (const method of ['GET', 'PUT', 'DELETE']) await send(server.origin, { method })
    expect(server.keys).toEqual([undefined, undefined, undefined])
  })
})

describe('an answer', () => {
  it.each([408, 409, 425, 429, 500, 502, 503, 504])('%i is asked again', async (status) => {
    const server = await serve(statuses(status, 201))
    expect((await idempotentFetch(fetch, FAST)(server.origin, POST)).status).toBe(201)
    expect(server.seen).toHaveLength(2)
  })

  it.each([200, 204, 303, 400, 401, 403, 404, 422])('%i is final', async (status) => {
    const server = await serve(statuses(status, 201))
    expect((await idempotentFetch(fetch, FAST)(server.origin, { ...POST, redirect: 'manual' })).status).toBe(status)
    expect(server.seen).toHaveLength(1)
  })

  it('409 to a call without a key is a conflict of its own', async () => {
    const server = await serve(statuses(409, 200))
    expect((await idempotentFetch(fetch, FAST)(server.origin, { method: 'PUT', body: 'x' })).status).toBe(409)
  })

  it('that fails to the end is handed over as it is', async () => {
    const server = await serve(statuses(503))
    const response = await idempotentFetch(fetch, { ...FAST, maxAttempts: 3 })(server.origin, POST)
    expect([response.status, await response.text(), server.seen.length]).toEqual([503, 'answer 3', 3])
    expect(response.url).toBe(`${server.origin}/`)
  })

  it('that is a replay is final, also when it is a 500', async () => {
    const events: ClientEvent[] = []
    const server = await serve((response) => response.writeHead(500, { 'Idempotency-Replayed': 'true' }).end('boom'))
    const response = await idempotentFetch(fetch, { ...FAST, onEvent: (event) => events.push(event) })(
      server.origin,
      POST,
    )
    expect([response.status, isReplay(response), server.seen.length]).toEqual([500, true, 1])
    expect(events).toMatchObject([{ type: 'replayed', attempt: 1, status: 500, key: server.keys[0] }])
  })

  it('is judged by `retry` where that has an opinion', async () => {
    const server = await serve(statuses(418, 503))
    const retry = ({ status }: Response) => (status === 418 ? true : status === 503 ? false : undefined)
    expect((await idempotentFetch(fetch, { ...FAST, retry })(server.origin, POST)).status).toBe(503)
    expect(server.seen).toHaveLength(2)
  })
})

describe('a call that cannot be repeated', () => {
  it.each(['POST', 'PATCH'])('%s without a key is sent once', async (method) => {
    const server = await serve(statuses(503, 200))
    const send = idempotentFetch(fetch, { ...FAST, key: () => undefined })
    expect((await send(server.origin, { method, body: 'x' })).status).toBe(503)
    expect(server.seen).toHaveLength(1)
  })

  it('is sent once when its connection breaks', async () => {
    const server = await serve((response) => response.destroy())
    const send = idempotentFetch(fetch, { ...FAST, methods: ['PATCH'] })
    await expect(send(server.origin, POST)).rejects.toThrow('fetch failed')
    expect(server.seen).toHaveLength(1)
  })

  it.each(['GET', 'HEAD', 'PUT', 'DELETE'])('%s is not one', async (method) => {
    const server = await serve(statuses(503, 200))
    expect((await idempotentFetch(fetch, FAST)(server.origin, { method })).status).toBe(200)
  })
})

describe('a broken connection', () => {
  it('refused: the error of the last attempt is thrown, each one told', async () => {
    const events: ClientEvent[] = []
    const origin = await closedOrigin()
    const send = idempotentFetch(fetch, { ...FAST, maxAttempts: 3, onEvent: (event) => events.push(event) })
    await expect(send(`${origin}/orders?token=secret`, POST)).rejects.toBeInstanceOf(TypeError)
    expect(events.map((event) => event.type)).toEqual(Array(3).fill('attempt-failed'))
    expect(events).toMatchObject([
      { attempt: 1, reason: 'fetch failed (ECONNREFUSED)', url: `${origin}/orders`, retryMs: expect.any(Number) },
      { attempt: 2 },
      { attempt: 3, retryMs: undefined },
    ])
  })

  it('reset before the answer is asked again', async () => {
    const server = await serve((response, _, number) => (number < 3 ? response.destroy() : response.end('done')))
    const response = await idempotentFetch(fetch, FAST)(server.origin, POST)
    expect(await response.text()).toBe('done')
    expect(new Set(server.keys).size).toBe(1)
  })

  it.each(['content-length', 'chunked'])('reset in the middle of the answer is asked again (%s)', async (kind) => {
    const server = await serve((response, _, number) => {
      if (number > 1) return void response.end('whole')
      response.writeHead(200, kind === 'chunked' ? {} : { 'content-length': 100 })
      response.write('ha', () => setTimeout(() => response.destroy(), 20))
    })
    const response = await idempotentFetch(fetch, FAST)(server.origin, POST)
    expect([await response.text(), server.seen.length]).toEqual(['whole', 2])
  })

  it('with nothing read ahead it is the caller who sees it break', async () => {
    const server = await serve((response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('ha', () => setTimeout(() => response.destroy(), 20))
    })
    const response = await idempotentFetch(fetch, { ...FAST, readAheadBytes: 0 })(server.origin, POST)
    await expect(response.text()).rejects.toThrow()
    expect(server.seen).toHaveLength(1)
  })
})
