import { afterEach, describe, expect, it } from 'vitest'
import { type ClientEvent, idempotentFetch, isReplay } from '../../src/client/index.ts'
import type { HttpReply } from '../../src/http/call.ts'
import { PROBLEMS, problemOf } from '../../src/http/problem.ts'
import { issueReply } from '../../src/http/token-issue.ts'
import { OnlyonceError } from '../../src/index.ts'
import { closedOrigin, closeServers, FAST, problems, serve, statuses } from './server.ts'

afterEach(closeServers)

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const POST = { method: 'POST', body: 'pay 42' }
/** Without `Retry-After`, whose shortest is a second. */
const atOnce = ({ headers, ...reply }: HttpReply) => ({
  ...reply,
  headers: headers.filter(([name]) => name !== 'retry-after'),
})

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

  it.each(['POST', 'PUT'])(
    'is refused in the header of a %s if it is what is left of a missing value',
    async (method) => {
      const server = await serve(statuses(200))
      const order: { key?: string } = {}
      const headers = { 'idempotency-key': order.key } as unknown as Record<string, string>
      for (const policy of ['failover', 'failsafe'] as const) {
        await expect(idempotentFetch(fetch, { policy })(server.origin, { method, headers })).rejects.toMatchObject({
          code: 'KEY_INVALID',
          message: expect.stringContaining('the header idempotency-key of the call has "undefined"'),
        })
      }
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

  it('is not sent again for a `retry` that answers a promise, which would count as true', async () => {
    const server = await serve(statuses(200))
    const send = idempotentFetch(fetch, { ...FAST, retry: (async () => false) as never })
    const error = { code: 'OPTION_INVALID', message: expect.stringContaining('option `retry` must answer') }
    await expect(send(server.origin, POST)).rejects.toMatchObject(error)
    expect(server.seen).toHaveLength(1)
  })

  it('is judged by `retry` where that has an opinion', async () => {
    const server = await serve(statuses(418, 503))
    const retry = ({ status }: Response) => (status === 418 ? true : status === 503 ? false : undefined)
    expect((await idempotentFetch(fetch, { ...FAST, retry })(server.origin, POST)).status).toBe(503)
    expect(server.seen).toHaveLength(2)
  })
})

describe('409 to a call with a key', () => {
  const conflicts = Object.values(PROBLEMS).filter(({ status }) => status === 409)
  const passing = conflicts.filter(({ later }) => later)
  const final = conflicts.filter(({ later }) => !later)

  it.each(passing)('of our guard is asked again: $code', async (kind) => {
    const server = await serve(problems(atOnce(problemOf(kind, {}))))
    expect((await idempotentFetch(fetch, FAST)(server.origin, POST)).status).toBe(201)
    expect(server.seen).toHaveLength(2)
  })

  it('of our tokens is asked again', async () => {
    const issue = () => Promise.reject(new OnlyonceError('IN_FLIGHT', 'a token is open'))
    const reply = await issueReply({ issue }, {}, { subject: () => 'me', operation: 'POST /orders' })
    const server = await serve(problems(atOnce(reply)))
    expect((await idempotentFetch(fetch, FAST)(server.origin, POST)).status).toBe(201)
    expect(server.seen).toHaveLength(2)
  })

  it.each(final)('of our guard is final where it says so: $code', async (kind) => {
    const server = await serve(problems(problemOf(kind, { docs: 'https://shop.example/keys' })))
    for (const readAheadBytes of [0, 1_000_000]) {
      const response = await idempotentFetch(fetch, { ...FAST, readAheadBytes })(server.origin, POST)
      expect(response.status).toBe(409)
      expect(await response.json()).toMatchObject({ code: kind.code, title: kind.title })
      expect(server.seen).toHaveLength(1)
      server.forget()
    }
  })

  it.each([
    ['another code', '{"code":"CONFLICT"}', 'application/problem+json'],
    ['no code', '{"title":"A request is outstanding for this Idempotency-Key"}', 'application/problem+json'],
    ['a code that is no text', '{"code":["duplicate"]}', 'application/problem+json'],
    ['no object', 'null', 'application/problem+json'],
    ['no JSON', '{"code":"duplicate"', 'application/problem+json'],
    ['too much of it', `{"code":"duplicate","more":"${'x'.repeat(20_000)}"}`, 'application/problem+json'],
    ['another kind of document', '{"code":"duplicate"}', 'application/json'],
    ['no body', '', 'application/problem+json'],
  ])('of another server is asked again: %s', async (_, body, type) => {
    const reply = { status: 409, headers: [['content-type', type]] as const, body: Buffer.from(body) }
    const server = await serve(problems(reply))
    expect((await idempotentFetch(fetch, FAST)(server.origin, POST)).status).toBe(201)
    expect(server.seen).toHaveLength(2)
  })

  it('whose document does not end is asked again when the attempt is over', async () => {
    const server = await serve((response, _, number) => {
      if (number > 1) return void response.writeHead(201).end()
      response.writeHead(409, { 'content-type': 'application/problem+json' }).write('{"code":"dup')
    })
    const options = { ...FAST, readAheadBytes: 0, attemptTimeoutMs: 2_000 }
    expect((await idempotentFetch(fetch, options)(server.origin, POST)).status).toBe(201)
    expect(server.seen).toHaveLength(2)
  })

  it('says in the event what it calls itself', async () => {
    const events: ClientEvent[] = []
    const server = await serve(problems(atOnce(problemOf(PROBLEMS.IN_FLIGHT, {}))))
    await idempotentFetch(fetch, { ...FAST, onEvent: (event) => events.push(event) })(server.origin, POST)
    expect(events).toMatchObject([{ type: 'attempt-failed', status: 409, reason: 'HTTP 409 conflict' }])
  })
})

describe("a server's own word on asking again", () => {
  it.each([
    ['stripe-should-retry', 'false', 409, 1],
    ['stripe-should-retry', 'false', 500, 1],
    ['stripe-should-retry', 'true', 400, 2],
    ['transient-error', 'true', 422, 2],
    ['transient-error', 'true', 200, 1],
    ['transient-error', 'maybe', 422, 1],
  ])('%s: %s with %i', async (name, value, status, asked) => {
    const server = await serve(problems({ status, headers: [[name, value]], body: undefined }))
    const response = await idempotentFetch(fetch, FAST)(server.origin, POST)
    expect([response.status, server.seen.length]).toEqual([asked === 1 ? status : 201, asked])
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
