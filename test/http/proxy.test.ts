import { describe, expect, it } from 'vitest'
import { bodyOf, counting, POST, proxyTo, raw, reply, sleep, until, upstreamOf } from './proxy-kit.ts'

describe('proxy', () => {
  it('asks the upstream once for two requests with one key, and gives the same answer twice', async () => {
    const upstream = await counting()
    const { url } = await proxyTo(upstream.url)
    const [first, second] = [await fetch(`${url}/orders`, POST('k')), await fetch(`${url}/orders`, POST('k'))]
    expect([first.status, second.status]).toEqual([201, 201])
    expect([await first.text(), await second.text()]).toEqual(['{"runs":1}', '{"runs":1}'])
    expect(second.headers.get('idempotency-replayed')).toBe('true')
    expect(second.headers.get('content-type')).toBe('application/json')
    expect((await fetch(`${url}/orders`, POST('k', '{"other":1}'))).status).toBe(422)
    expect(upstream.seen).toHaveLength(1)
  })

  it('tells the upstream key, attempt and fence, and believes no client that tells them', async () => {
    const upstream = await counting()
    const { url } = await proxyTo(upstream.url)
    await fetch(url, POST('k-1', '{}', { 'onlyonce-attempt': '9', 'ONLYONCE-fence': '9' }))
    await fetch(url, { headers: { 'onlyonce-attempt': '9', 'onlyonce-fence': '9' } })
    // What a service behind CGI, WSGI or Rack hears by the same names.
    await fetch(url, { headers: { Onlyonce_Attempt: '9', onlyonce_fence: '9', x_forwarded_for: '1.2.3.4' } })
    const [guarded, passed, underlined] = upstream.seen.map(({ headers }) => headers)
    expect(Object.keys(underlined ?? {}).filter((name) => name.includes('_'))).toEqual([])
    expect(guarded).toMatchObject({ 'idempotency-key': 'k-1', 'onlyonce-attempt': '1' })
    expect(Number(guarded?.['onlyonce-fence'])).toBeGreaterThan(1e15)
    expect(Object.keys(passed ?? {}).filter((name) => name.startsWith('onlyonce'))).toEqual([])
  })

  it('keeps callers apart by a header that it never stores, and refuses who has none or two', async () => {
    const upstream = await counting()
    const { url } = await proxyTo(upstream.url, { scope: { header: 'Authorization' } })
    const ask = async (authorization?: string) =>
      fetch(url, POST('k', '{}', authorization === undefined ? {} : { authorization }))
    expect(await (await ask('Bearer secret-a')).text()).toBe('{"runs":1}')
    expect(await (await ask('Bearer secret-b')).text()).toBe('{"runs":2}')
    expect(await (await ask('Bearer secret-a')).text()).toBe('{"runs":1}')
    const nobody = await ask()
    expect(nobody.status).toBe(401)
    expect(nobody.headers.get('www-authenticate')).toBe('Header name="authorization"')
    expect(await nobody.json()).toMatchObject({ code: 'missing-scope' })
    const two = 'POST / HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nAuthorization: a\r\nAuthorization: b\r\n'
    expect(await raw(url, `${two}Content-Length: 0\r\nConnection: close\r\n\r\n`)).toMatch(/400 .*ambiguous-scope/s)
    expect(upstream.seen).toHaveLength(2)
    expect((await fetch(url, { method: 'POST', body: 'no key' })).status).toBe(201)
  })

  it('refuses a caller who also names somebody in a header that some services take for the same', async () => {
    const upstream = await counting()
    const { url } = await proxyTo(upstream.url, { scope: { header: 'X-User' } })
    const answer = await fetch(url, POST('k', '{}', { 'x-user': 'ann', X_User: 'bob' }))
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'ambiguous-scope' }])
    expect(upstream.seen).toHaveLength(0)
  })

  it('passes method, path, query, body and fields on, without those of the connection', async () => {
    const upstream = await upstreamOf(async (req, res) => {
      const body = (await bodyOf(req)).toString()
      res.setHeader('set-cookie', ['a=1', 'b=2'])
      res.setHeader('X-Own', 'x')
      res.setHeader('connection', 'keep-alive, x-hop')
      res.setHeader('x-hop', 'no')
      reply(
        res,
        207,
        JSON.stringify({ method: req.method, url: req.url, body, headers: req.headers, raw: req.rawHeaders }),
      )
    })
    const { url } = await proxyTo(`${upstream.url}/base/`)
    const head = [
      'DELETE /a%20b/c?x=1&y=%2F HTTP/1.1',
      'Host: shop.example',
      'X-Mixed-Case: 1',
      'Cookie: a=1',
      'X-Two: 1',
      'X-Two: 2',
      'Connection: close, X-Gone, Authorization',
      'X-Gone: 1',
      'Authorization: Bearer t',
      'Proxy-Authorization: secret',
      'TE: trailers',
      'X-Forwarded-For: 6.6.6.6',
      'Forwarded: for=6.6.6.6',
      'Via: 1.0 old',
      'Transfer-Encoding: chunked',
    ]
    const answer = await raw(url, `${head.join('\r\n')}\r\n\r\n3\r\nabc\r\n0\r\n\r\n`)
    const [answerHead, body = ''] = answer.split('\r\n\r\n')
    expect(answerHead).toMatch(/^HTTP\/1.1 207 /)
    expect(answerHead).toMatch(/set-cookie: a=1\r\nset-cookie: b=2/i)
    expect(answerHead).toContain('X-Own: x')
    expect(answerHead?.toLowerCase()).not.toContain('x-hop')
    const told = JSON.parse(body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1))
    expect(told).toMatchObject({ method: 'DELETE', url: '/base/a%20b/c?x=1&y=%2F', body: 'abc' })
    expect(told.headers).toMatchObject({
      host: 'shop.example',
      'x-two': '1, 2',
      authorization: 'Bearer t',
      cookie: 'a=1',
      via: '1.0 old, 1.1 onlyonce',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'shop.example',
    })
    expect(told.raw).toContain('X-Mixed-Case')
    for (const gone of ['x-gone', 'proxy-authorization', 'te', 'forwarded'])
      expect(told.headers).not.toHaveProperty(gone)
  })

  it('believes the proxy in front of it, and asks for another host, when told to', async () => {
    const upstream = await counting()
    const { url } = await proxyTo(upstream.url, { trustForwarded: true, rewriteHost: true })
    const forwarded = { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'https', forwarded: 'for=1.2.3.4' }
    await fetch(url, { headers: forwarded })
    expect(upstream.seen[0]?.headers).toMatchObject({
      ...forwarded,
      'x-forwarded-for': '1.2.3.4, 127.0.0.1',
      host: new URL(upstream.url).host,
    })
  })

  it('keeps connections to the upstream', async () => {
    const upstream = await counting()
    const ports = new Set<number | undefined>()
    upstream.server.on('request', (req) => ports.add(req.socket.remotePort))
    const { url } = await proxyTo(upstream.url)
    for (const key of ['a', 'b', 'c', 'd']) await (await fetch(url, POST(key))).text()
    await (await fetch(url)).text()
    expect(upstream.seen).toHaveLength(5)
    expect(ports.size).toBe(1)
  })

  it('needs a path as target, in any form that HTTP has', async () => {
    const upstream = await counting()
    const { url } = await proxyTo(upstream.url)
    const ask = (target: string, method = 'POST') =>
      raw(
        url,
        `${method} ${target} HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
      )
    expect(await ask('http://shop.example/orders?a=1')).toContain('{"runs":1}')
    expect(await ask('/orders?a=1')).toContain('{"runs":1}')
    expect(upstream.seen[0]).toMatchObject({ url: '/orders?a=1', headers: { host: 'shop.example' } })
    expect(await ask('*', 'OPTIONS')).toContain('{"runs":2}')
    expect(await ask('ftp://x/y')).toMatch(/^HTTP\/1.1 400 /)
    expect(upstream.seen).toHaveLength(2)
  })

  it('lets one of a hundred at a time through two proxies on one store', async () => {
    const { memoryStore } = await import('../../src/stores/memory/index.ts')
    const store = memoryStore()
    let runs = 0
    const upstream = await upstreamOf(async (req, res) => {
      req.resume()
      runs++
      await sleep(30)
      reply(res, 200, `${runs}`)
    })
    const guard = { onInFlight: 'wait' } as const
    const urls = [await proxyTo(upstream.url, { store, guard }), await proxyTo(upstream.url, { store, guard })].map(
      (p) => p.url,
    )
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, n) => (await fetch(urls[n % 2] as string, POST('k'))).text()),
    )
    expect(new Set(answers)).toEqual(new Set(['1']))
    expect(upstream.seen).toHaveLength(1)
  })

  it('releases a 503 of the upstream, and keeps its 422', async () => {
    for (const [status, asked] of [
      [503, 2],
      [422, 1],
    ] as const) {
      const upstream = await counting(status)
      const { url } = await proxyTo(upstream.url)
      for (const _ of [1, 2]) expect((await fetch(url, POST('k'))).status).toBe(status)
      expect(upstream.seen).toHaveLength(asked)
    }
  })

  it('lets the upstream finish though the client left, and replays its answer', async () => {
    let runs = 0
    const upstream = await upstreamOf(async (req, res) => {
      req.resume()
      runs++
      await sleep(60)
      res.write('slow ')
      await sleep(30)
      res.end('answer')
    })
    const { url } = await proxyTo(upstream.url, { guard: { onInFlight: 'wait' } })
    const leaving = new AbortController()
    const gone = fetch(url, { ...POST('k'), signal: leaving.signal })
    await until(() => runs === 1)
    leaving.abort()
    await expect(gone).rejects.toThrow()
    expect(await (await fetch(url, POST('k'))).text()).toBe('slow answer')
    expect(runs).toBe(1)
  })

  it('gives an unguarded request up when its client leaves', async () => {
    let closed = false
    const upstream = await upstreamOf(
      (_, res) =>
        void res.on('close', () => {
          closed = true
        }),
    )
    const { url } = await proxyTo(upstream.url)
    const leaving = new AbortController()
    const gone = fetch(url, { signal: leaving.signal })
    await until(() => upstream.seen.length === 1)
    leaving.abort()
    await expect(gone).rejects.toThrow()
    await until(() => closed)
  })
})
