import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { tokens } from '../../src/guards/tokens.ts'
import { idempotency, tokenEndpoint } from '../../src/http/express.ts'
import { tokenEndpoint as webEndpoint } from '../../src/http/fetch.ts'
import { engine } from '../engine-kit.ts'

const tidy: (() => unknown)[] = []
afterEach(async () => {
  for (const one of tidy.splice(0)) await one()
})

const byUser = { subject: (request: Request) => request.headers.get('x-user') ?? '', operation: 'POST /orders' }
const ask = (user: string) => new Request('http://shop.example/tokens', { method: 'POST', headers: { 'x-user': user } })

describe('an endpoint for tokens', () => {
  it('gives one out, which the guard takes once', async () => {
    const { once } = engine()
    const desk = tokens(once)
    const userOf = (request: { headers: Record<string, unknown> }) => String(request.headers['x-user'])
    const guard = idempotency(once, { tokens: desk, scope: ({ request }) => userOf(request) })
    const give = tokenEndpoint(desk, { subject: userOf, operation: 'POST /orders' })
    let orders = 0
    const server = createServer((req, res) => {
      if (req.url === '/tokens') give(req, res, () => res.writeHead(500).end())
      else guard(req, res, () => res.end(`order ${++orders}`))
    }).listen(0, '127.0.0.1')
    tidy.push(
      () => server.closeAllConnections(),
      () => server.close(),
    )
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const post = (path: string, headers: Record<string, string> = {}) =>
      fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers: { 'x-user': 'alice', ...headers } })

    const issued = await post('/tokens')
    expect(issued.status).toBe(201)
    expect(issued.headers.get('cache-control')).toBe('no-store')
    const { token } = (await issued.json()) as { token: string }
    expect((await post('/tokens')).status).toBe(409)
    expect(await (await post('/orders', { 'anti-repeat-token': token })).text()).toBe('order 1')
    expect(await (await post('/orders', { 'anti-repeat-token': token })).text()).toBe('order 1')
    expect((await post('/orders', { 'anti-repeat-token': token, 'x-user': 'bob' })).status).toBe(403)
    expect((await post('/tokens')).status).toBe(201)
    expect(orders).toBe(1)
  })

  it('hands on to the server what stands in the way of its answer', async () => {
    const desk = tokens(engine().once)
    const give = tokenEndpoint(desk, { subject: () => 'alice', operation: 'POST /orders' })
    const failures: unknown[] = []
    const server = createServer((req, res) => {
      // As a time limit of the server's own does.
      res.writeHead(503).end('too late')
      give(Object.assign(req, { app: () => {} }), res, (error) => failures.push(error))
    }).listen(0, '127.0.0.1')
    tidy.push(() => server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    expect((await fetch(`http://127.0.0.1:${port}`, { method: 'POST' })).status).toBe(503)
    await expect.poll(() => failures).toMatchObject([{ code: 'ERR_HTTP_HEADERS_SENT' }])
  })

  it('says that an operation is in progress, and for how long', async () => {
    const { once } = engine()
    const give = webEndpoint(tokens(once), { ...byUser, ttlMs: 60_000, docs: 'https://shop.example/forms' })
    expect(await (await give(ask('alice'))).json()).toMatchObject({ token: expect.stringMatching(/^[0-9a-f]{32}\./) })
    const refused = await give(ask('alice'))
    expect(refused.status).toBe(409)
    expect(refused.headers.get('retry-after')).toBe('60')
    expect(await refused.json()).toMatchObject({ title: 'Operation in progress', code: 'operation-in-progress' })
    expect((await give(ask('bob'))).status).toBe(201)
  })

  it('is 503 while the store is away, and throws where nobody is known', async () => {
    const { once, runtime } = engine({}, (verb) => (verb === 'claim' ? { kind: 'hang', applied: false } : undefined))
    const give = webEndpoint(tokens(once), byUser)
    const asked = give(ask('alice'))
    await runtime.advance(1_000)
    expect((await asked).status).toBe(503)
    await expect(give(ask(''))).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })

  it.each<(issuer: never, options: never) => unknown>([tokenEndpoint, webEndpoint])(
    'is refused at once when it is set up wrong (%#)',
    (endpoint) => {
      const { once } = engine()
      const give = (issuer: unknown, options?: unknown) => () => endpoint(issuer as never, options as never)
      const subject = () => 'alice'
      expect(give(once, byUser)).toThrow(/^option `issuer` must be what `tokens\(once\)` answers; got a function$/)
      const desk = tokens(once)
      for (const [options, message] of [
        [undefined, /^option `subject` is required/],
        [{ operation: 'POST /orders' }, /^option `subject` is required/],
        [{ subject: 'alice', operation: 'POST /orders' }, /^option `subject` must be a function; got "alice"$/],
        [{ subject }, /^option `operation` is required/],
        [{ subject, operation: ' ' }, /^option `operation` must be a function or a string/],
        [
          { subject, operation: 'POST /orders', ttl: 1 },
          /^option `ttl` is not an option; there are subject, operation/,
        ],
      ] as const) {
        expect(give(desk, options)).toThrow(message)
        expect(give(desk, options)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
      }
    },
  )
})
