import { createHash, randomBytes } from 'node:crypto'
import { once as event } from 'node:events'
import { Agent, get, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { startProxy } from '../../src/http/proxy/server.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { faultyStore } from '../../src/testing/faulty-store.ts'
import { bodyOf, counting, engine, later, POST, proxyTo, raw, reply, sleep, until, upstreamOf } from './proxy-kit.ts'

const MB = 1024 * 1024
const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('large bodies', () => {
  const body = randomBytes(30 * MB)

  it('stream both ways, guarded without a look at them, or not guarded', async () => {
    const upstream = await upstreamOf(async (req, res) => {
      const hash = createHash('sha256')
      for await (const chunk of req) hash.update(chunk as Buffer)
      res.setHeader('x-got', hash.digest('hex'))
      res.end(body)
    })
    const { url } = await proxyTo(upstream.url, { guard: { fingerprint: 'none', maxRequestBytes: 1_000 } })
    for (const options of [{ method: 'PUT', body }, POST('k', body)]) {
      const answer = await fetch(url, options)
      expect(answer.headers.get('x-got')).toBe(sha(body))
      expect(sha(new Uint8Array(await answer.arrayBuffer()))).toBe(sha(body))
    }
    const replay = await fetch(url, POST('k', 'another body: nobody looks'))
    expect(replay.headers.get('idempotency-body-omitted')).toBe('too-long')
    expect(upstream.seen).toHaveLength(2)
  })

  it('that are to be compared have a limit, and are compared below it', async () => {
    const upstream = await counting()
    const { url } = await proxyTo(upstream.url, { guard: { maxRequestBytes: 31 * MB } })
    expect(await (await fetch(url, POST('k', body))).text()).toBe('{"runs":1}')
    expect(await (await fetch(url, POST('k', body))).text()).toBe('{"runs":1}')
    const other = Buffer.from(body)
    other[29 * MB] = (other[29 * MB] as number) ^ 1
    expect((await fetch(url, POST('k', other))).status).toBe(422)
    const tight = await proxyTo(upstream.url)
    expect((await fetch(tight.url, POST('k', body.subarray(0, 2 * MB)))).status).toBe(413)
    expect(upstream.seen).toHaveLength(1)
  })

  it('are not gathered here while a client is slow to read them', async () => {
    let written = 0
    const upstream = await upstreamOf(async (_, res) => {
      for (let n = 0; n < 60; n++) {
        if (!res.write(Buffer.alloc(MB))) await Promise.race([event(res, 'drain'), sleep(300)])
        written++
        if (res.writableNeedDrain) break
      }
      res.end()
    })
    const { url } = await proxyTo(upstream.url)
    const asked = get(url)
    const [answer] = (await event(asked, 'response')) as [IncomingMessage]
    await sleep(400)
    expect(written).toBeLessThan(40)
    answer.destroy()
  })

  it('of a slow upstream arrive as they come, their head first', async () => {
    const upstream = await upstreamOf(async (_, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      await sleep(50)
      res.write('data: 1\n\n')
    })
    const { url } = await proxyTo(upstream.url)
    for (const options of [{}, POST('k')]) {
      const answer = await fetch(url, options)
      const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
      expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('data: 1\n\n')
      await reader.cancel()
    }
    expect(await (await fetch(url, POST('k'))).json()).toMatchObject({ code: 'unrecordable' })
  })
})

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

  it('refuses long heads, and clients that take too long', async () => {
    const upstream = await counting()
    const { url } = await proxyTo(upstream.url, { maxHeaderBytes: 2_000 })
    expect(await raw(url, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(3_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /)
    expect(upstream.seen).toHaveLength(0)
  })

  it.each([
    [{ upstream: 'ftp://x' }, 'upstream'],
    [{ upstream: 'http://user:secret@x' }, 'upstream'],
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

describe('another protocol', () => {
  const upgrade = (method: string, protocol: string, more = '') =>
    `${method} /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n${more}`

  it('passes web sockets through, both ways', async () => {
    const upstream = await counting()
    upstream.server.on('upgrade', (req, socket, head) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Key: ${req.headers['sec-websocket-key']}\r\n\r\nhello `,
      )
      socket.write(head)
      socket.on('data', (chunk) => (chunk.includes('bye') ? socket.end('closing') : socket.write(chunk)))
      socket.on('error', () => {})
    })
    const { url } = await proxyTo(upstream.url, { upstreamTimeoutMs: 60 })
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => (answer += chunk.toString()))
    socket.write(upgrade('GET', 'websocket', 'Sec-WebSocket-Key: abc\r\n\r\nfirst '))
    await until(() => answer.includes('first '))
    await sleep(120)
    socket.write('later ')
    await until(() => answer.includes('later '))
    socket.write('bye')
    await event(socket, 'close')
    expect(answer).toMatch(/^HTTP\/1.1 101 /)
    expect(answer).toContain('X-Key: abc')
    expect(answer).toMatch(/\r\n\r\nhello first later closing$/)
  })

  it('gives the answer of an upstream that does not want to, and says when there is none', async () => {
    const upstream = await counting(426)
    const { url } = await proxyTo(upstream.url)
    expect(await raw(url, upgrade('GET', 'websocket', '\r\n'))).toMatch(/^HTTP\/1.1 426 .*\{"runs":1\}$/s)
    const nowhere = await proxyTo('http://127.0.0.1:9')
    expect(await raw(nowhere.url, upgrade('GET', 'websocket', '\r\n'))).toMatch(/^HTTP\/1.1 502 /)
  })

  it('refuses it where such requests are guarded', async () => {
    const upstream = await counting()
    const { url } = await proxyTo(upstream.url, { guard: { methods: ['GET'] } })
    expect(await raw(url, upgrade('GET', 'websocket', '\r\n'))).toMatch(/^HTTP\/1.1 501 .*upgrade-refused/s)
    expect(upstream.seen).toHaveLength(0)
  })

  it('answers a request that offers HTTP/2 as if it did not, guard and body included', async () => {
    const upstream = await upstreamOf(async (req, res) =>
      reply(res, 200, `got ${await bodyOf(req)} ${req.headers.upgrade}`),
    )
    const { url } = await proxyTo(upstream.url)
    const offer = `HTTP2-Settings: AAMAAABkAARAAAAA\r\nConnection: HTTP2-Settings, keep-alive\r\nIdempotency-Key: k\r\nContent-Length: 6\r\n`
    const whole = `${upgrade('POST', 'h2c', `${offer}\r\nabcdef`)}`
    expect(await raw(url, whole, 300)).toMatch(/^HTTP\/1.1 200 .*got abcdef undefined\r\n/s)
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => (answer += chunk.toString()))
    // In pieces, twice on one connection.
    for (let n = 1; n <= 2; n++) {
      socket.write(whole.slice(0, -3))
      await sleep(30)
      socket.write(whole.slice(-3))
      await until(() => answer.split('got abcdef undefined').length === n + 1)
    }
    socket.destroy()
    expect(answer).toMatch(/idempotency-replayed: true/i)
    expect(upstream.seen).toHaveLength(1)
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
    await sleep(10)
    const metrics = await fetch(`${adminUrl}/metrics`)
    expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    const lines = (await metrics.text()).split('\n')
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

  it('count what the upstream did not answer', async () => {
    const { url, adminUrl } = await proxyTo('http://127.0.0.1:9', { admin: { port: 0 } })
    await fetch(url, POST('k'))
    const text = await (await fetch(`${adminUrl}/metrics`)).text()
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
    const closing = proxy.close(5_000)
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
