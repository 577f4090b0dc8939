import { once as event } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import type { IdempotencyPolicy } from '../../src/http/policy.ts'
import { startProxy } from '../../src/http/proxy/server.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { faultyStore } from '../../src/testing/faulty-store.ts'
import { counting, engine, later, POST, proxyTo, raw, reply, until, upstreamOf } from './proxy-kit.ts'

describe('routes', () => {
  it('have rules of their own, the first that fits', async () => {
    const upstream = await counting(200)
    const { url } = await proxyTo(upstream.url, {
      guard: { required: false },
      routes: [
        { path: '/health', guard: false },
        { path: '/orders/:id', method: 'PUT' },
        { path: '/orders/*', required: true },
        { path: '/files/*', fingerprint: 'none' },
      ],
    })
    const status = async (path: string, options: RequestInit) => (await fetch(url + path, options)).status
    const bare = { method: 'POST', body: 'x' }
    expect(await status('/health', POST('k'))).toBe(200)
    expect(await status('/health', POST('k', 'other'))).toBe(200)
    expect(await status('/orders', bare)).toBe(400)
    expect(await status('/orders/1/lines?x=1', bare)).toBe(400)
    expect(await status('/%6frders/1', bare)).toBe(400)
    expect(await status('/refunds', bare)).toBe(200)
    for (const body of ['a', 'b']) expect(await status('/files/1', POST('f', body))).toBe(200)
    const put = { ...POST('p'), method: 'PUT' }
    const answers = [
      await fetch(`${url}/orders/1`, put),
      await fetch(`${url}/orders/1/`, put),
      await fetch(`${url}/orders/1`, put),
    ]
    expect(answers.map((answer) => answer.headers.get('idempotency-replayed'))).toEqual([null, null, 'true'])
    expect(await status('/orders/2', { ...put, body: 'x' })).toBe(200)
  })

  it.each([
    [{}, '`routes` must be a list'],
    [['/orders'], 'routes[0]` must be an object'],
    [[{ path: 'orders' }], 'routes[0].path` must be a path'],
    [[{ path: '/a' }, { path: '/a/*/b' }], 'routes[1].path` may have * as its last segment only'],
    [[{ path: '/a', metod: 'PUT' }], 'routes[0].metod` is not a field'],
    [[{ path: '/a', method: [1] }], 'routes[0].method` must be a method'],
    [[{ path: '/a', guard: 'no' }], 'routes[0].guard` must be true or false'],
    [[{ path: '/a', leaseMs: -1 }], 'leaseMs'],
    [[{ path: '/a', scope: 'public' }], 'routes[0].scope` is not a field'],
  ])('%j is refused', async (routes, message) => {
    const options = { upstream: 'http://x', listen: { port: 0 }, scope: 'public', routes } as never
    await expect(startProxy(engine(), options)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining(message),
    })
  })
})

describe('failures of the upstream', () => {
  it.each([
    ['unguarded', ''],
    ['guarded', 'Idempotency-Key: k\r\n'],
  ])('do not count a client that leaves while it sends its request, %s', async (_, key) => {
    const upstream = await upstreamOf((req, res) => void req.resume().on('end', () => reply(res, 200)))
    const { url, adminUrl } = await proxyTo(upstream.url, { admin: { port: 0 }, guard: { fingerprint: 'none' } })
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\n${key}Content-Length: 200\r\n\r\n{}`)
    await until(() => upstream.seen.length === 1)
    socket.destroy()
    let metrics = ''
    await until(async () => {
      metrics = await (await fetch(`${adminUrl}/metrics`)).text()
      return metrics.includes('responses_total{class="none"} 1')
    })
    expect(metrics).not.toContain('upstream_failures_total{')
  })
})

describe('limits', () => {
  it('refuses more than maxInFlight at a time, and lets go of the count', async () => {
    let open = () => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    const upstream = await upstreamOf(async (_, res) => {
      await opened
      reply(res, 200)
    })
    const { url } = await proxyTo(upstream.url, { maxInFlight: 2 })
    const running = [fetch(url), fetch(url, POST('k'))]
    await until(() => upstream.seen.length === 2)
    const refused = await fetch(url, POST('k2'))
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await refused.json()).toMatchObject({ code: 'overloaded' })
    open()
    expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200])
    await until(async () => (await fetch(url, POST('k3'))).status === 200)
    expect((await fetch(url, POST('k3'))).status).toBe(200)
  })

  it('an answer with a long head is passed on where heads may be that long', async () => {
    const upstream = await upstreamOf((_, res) => res.writeHead(201, { 'x-long': 'x'.repeat(20_000) }).end('made'))
    const { url } = await proxyTo(upstream.url, { maxHeaderBytes: 32_768 })
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { 'idempotency-key': 'k', 'content-length': 0 }
      request(url, { method: 'POST', headers, maxHeaderSize: 32_768 }, resolve).on('error', reject).end()
    })
    expect([answer.statusCode, await text(answer)]).toEqual([201, 'made'])
    const tight = await proxyTo(upstream.url, { maxHeaderBytes: 2_000 })
    expect((await fetch(tight.url, POST('k'))).status).toBe(504)
  })

  it('refuses long heads, and clients that take too long', async () => {
    const upstream = await counting()
    const { url } = await proxyTo(upstream.url, { maxHeaderBytes: 2_000 })
    expect(await raw(url, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(3_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /)
    expect(upstream.seen).toHaveLength(0)
  })

  it.each([
    [{ upstream: 'ftp://x' }, 'upstream'],
    [{ upstream: 'http://user:secret@x' }, 'upstream'],
    [{ upstream: 'http://user:my/secret@x' }, 'http://…@x'],
    [{ upstream: 'user:my-secret@x' }, '…@x'],
    [{ upstream: 'http://x/?password=secret' }, 'http://x/?…'],
    [{ upstream: 'http://x/#token=secret' }, 'http://x/#…'],
    [{ scope: {} }, 'scope'],
    [{ scope: undefined }, 'scope'],
    [{ maxInFlight: 0 }, 'maxInFlight'],
    [{ upstreamTimeoutMs: 2 ** 31 }, 'upstreamTimeoutMs'],
    [{ guard: { methods: [] } }, 'methods'],
  ])('%j is refused', async (options, name) => {
    const given = { upstream: 'http://x', listen: { port: 0 }, scope: 'public', ...options } as never
    const refused = startProxy(engine(), given)
    await expect(refused).rejects.toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining(name) })
    await expect(refused).rejects.not.toThrow(/secret/)
  })
})

describe('operators', () => {
  it('see health and figures on a port of their own, and no path is taken from the upstream', async () => {
    const upstream = await counting()
    let down = false
    const store = faultyStore(memoryStore(), () => (down ? { kind: 'lose-request' } : undefined))
    const { url, adminUrl } = await proxyTo(upstream.url, { store, admin: { port: 0 } })
    expect(adminUrl).not.toBe(url)
    for (const key of ['a', 'a', 'b']) await (await fetch(url, POST(key))).text()
    await (await fetch(url, POST('a', '{"other":1}'))).text()
    expect(await (await fetch(`${url}/healthz`)).text()).toBe('{"runs":3}')
    let lines: string[] = []
    // A request is counted when its connection has taken the answer, which is after its client has it.
    await until(async () => {
      const metrics = await fetch(`${adminUrl}/metrics`)
      expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
      lines = (await metrics.text()).split('\n')
      return lines.includes('onlyonce_proxy_request_seconds_count 5')
    })
    expect(lines).toEqual(
      expect.arrayContaining([
        'onlyonce_proxy_operations_total{outcome="executed"} 2',
        'onlyonce_proxy_operations_total{outcome="replayed"} 1',
        'onlyonce_proxy_operations_total{outcome="mismatch"} 1',
        'onlyonce_proxy_responses_total{class="2xx"} 4',
        'onlyonce_proxy_responses_total{class="4xx"} 1',
        'onlyonce_proxy_in_flight 0',
        'onlyonce_proxy_request_seconds_count 5',
      ]),
    )
    for (const line of lines)
      expect(line).toMatch(/^$|^# (HELP|TYPE) [a-z_]+ .+$|^[a-z_]+(\{[a-z]+="[\w-]+"\})? [\d.e+-]+$/)
    expect(await (await fetch(`${adminUrl}/healthz`)).json()).toEqual({ status: 'ok' })
    expect(await (await fetch(`${adminUrl}/policy`)).json()).toMatchObject({ header: 'Idempotency-Key' })
    down = true
    const sick = await fetch(`${adminUrl}/healthz`)
    expect([sick.status, await sick.json()]).toEqual([503, { status: 'store-unavailable' }])
    expect((await fetch(`${adminUrl}/orders`)).status).toBe(404)
    expect((await fetch(`${adminUrl}/metrics`, { method: 'POST' })).status).toBe(405)
  })

  it('are told of what the proxy itself says no to, and of the outcomes that they chose', async () => {
    const upstream = 'http://127.0.0.1:1'
    const told = async (options: Parameters<typeof proxyTo>[1]) => {
      const { adminUrl } = await proxyTo(upstream, { ...options, admin: { port: 0 } })
      const { notKept, problems } = (await (await fetch(`${adminUrl}/policy`)).json()) as IdempotencyPolicy
      return { notKept, codes: problems.map(({ status, code }) => `${status} ${code}`) }
    }
    const { notKept, codes } = await told({ scope: { header: 'authorization' } })
    expect(notKept).toEqual([401, 403, 408, 409, 425, 429, '5xx'])
    expect(codes.slice(codes.indexOf('503 closed') + 1)).toEqual([
      '502 upstream-unreachable',
      '504 outcome-unknown',
      '503 overloaded',
      '401 missing-scope',
      '400 ambiguous-scope',
      '400 bad-target',
      '400 incomplete-request',
      '501 transfer-coding',
      '501 upgrade-refused',
    ])
    const open = await told({ scope: 'public', guard: { outcome: () => 'final' } })
    expect(open.notKept).toBe('custom')
    expect(open.codes.filter((line) => line.includes('scope'))).toEqual([])
  })

  it('count what the upstream did not answer', async () => {
    const { url, adminUrl } = await proxyTo('http://127.0.0.1:9', { admin: { port: 0 } })
    await fetch(url, POST('k'))
    let text = ''
    await until(async () => {
      text = await (await fetch(`${adminUrl}/metrics`)).text()
      return text.includes('onlyonce_proxy_request_seconds_count 1')
    })
    expect(text).toContain('onlyonce_proxy_upstream_failures_total{reason="unreachable"} 1')
    expect(text).toContain('onlyonce_proxy_operations_total{outcome="failed"} 1')
  })
})

describe('closing', () => {
  it('lets what runs finish, on connections that are kept too, and accepts nothing new', async () => {
    let open = () => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    const upstream = await upstreamOf(async (req, res) => {
      req.resume()
      await opened
      reply(res, 200, 'finished')
    })
    const store = memoryStore()
    const proxy = await startProxy(engine({ store }), {
      upstream: upstream.url,
      listen: { port: 0 },
      admin: { port: 0 },
      scope: 'public',
    })
    const agent = new Agent({ keepAlive: true })
    later(() => agent.destroy())
    const asked = request(proxy.url, { agent, method: 'POST', headers: { 'idempotency-key': 'k' } }).end('{}')
    await until(() => upstream.seen.length === 1)
    const closing = proxy.close(60_000)
    expect(await (await fetch(`${proxy.adminUrl}/healthz`)).json()).toEqual({ status: 'draining' })
    await expect(fetch(proxy.url)).rejects.toThrow()
    open()
    const [answer] = (await event(asked, 'response')) as [IncomingMessage]
    expect(await text(answer)).toBe('finished')
    expect(await closing).toBe(true)
    expect((await store.list({ state: 'done', limit: 5 })).items).toHaveLength(1)
  })

  it('cuts off what does not finish in time', async () => {
    const upstream = await upstreamOf(() => {})
    const proxy = await startProxy(engine(), { upstream: upstream.url, listen: { port: 0 }, scope: 'public' })
    const asked = fetch(proxy.url)
    await until(() => upstream.seen.length === 1)
    expect(await proxy.close(50)).toBe(false)
    await expect(asked).rejects.toThrow()
  })
})
