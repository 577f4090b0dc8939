import { once as event } from 'node:events'
import { createServer, get, type RequestListener } from 'node:http'
import { type AddressInfo, connect, createServer as createTcp, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { faultyStore } from '../../src/testing/faulty-store.ts'
import {
  bodyOf,
  counting,
  jumping,
  later,
  listen,
  POST,
  proxyTo,
  raw,
  reply,
  sleep,
  until,
  upstreamOf,
} from './proxy-kit.ts'

const LEASE = 60_000
const guard = { leaseMs: LEASE }
/** Of requests that are not answered. */
const SOON = { upstreamTimeoutMs: 500 }

/** Fails in its own way the first time, and answers with the attempt that it was told of after that. */
const firstTime = (failing: RequestListener) => {
  let asked = 0
  return upstreamOf(async (req, res) => {
    await bodyOf(req)
    if (++asked === 1) failing(req, res)
    else reply(res, 200, `attempt ${req.headers['onlyonce-attempt']}`)
  })
}

const silent: RequestListener = () => {}
const ends: RequestListener = (req) => void req.socket.destroy()
const babbles: RequestListener = (req) => void req.socket.end('this is no HTTP\r\n\r\n')
const breaksOff: RequestListener = (req, res) => {
  res.writeHead(200, { 'content-length': 100 }).write('half')
  setTimeout(() => req.socket.destroy(), 20)
}
const breaksOffChunked: RequestListener = (req, res) => {
  res.write('half')
  setTimeout(() => req.socket.destroy(), 20)
}

describe('an upstream that cannot be reached', () => {
  it('is 502, and leaves nothing behind: the same key goes through when it is back', async () => {
    const server = createServer((req, res) => reply(res, 200, `attempt ${req.headers['onlyonce-attempt']}`))
    const upstream = await listen(server)
    const closed = event(server, 'close')
    server.close()
    await closed
    const { url } = await proxyTo(upstream, { guard })
    for (const options of [POST('k'), {}]) {
      const answer = await fetch(url, options)
      expect(answer.status).toBe(502)
      expect(answer.headers.get('retry-after')).toBe('1')
      expect(await answer.json()).toMatchObject({ code: 'upstream-unreachable' })
    }
    server.listen(Number(new URL(upstream).port), '127.0.0.1')
    await event(server, 'listening')
    expect(await (await fetch(url, POST('k'))).text()).toBe('attempt 1')
  })
})

describe('an upstream that was asked and did not answer', () => {
  it('because it changed the protocol unasked, is told at once', async () => {
    const server = createTcp((socket) =>
      socket
        .on('error', () => {})
        .once('data', () =>
          socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n'),
        ),
    )
    server.listen(0, '127.0.0.1')
    await event(server, 'listening')
    later(() => void server.close())
    const upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { url } = await proxyTo(upstream, { guard, upstreamTimeoutMs: 60_000 })
    for (const options of [{}, POST('k')]) expect((await fetch(url, options)).status).toBeGreaterThanOrEqual(502)
  })

  it.each([
    ['says nothing', silent],
    ['ends the connection', ends],
    ['babbles', babbles],
  ])('because it %s, is 504; its duplicates wait for the lease, and then one runs as attempt 2', async (_, failing) => {
    const upstream = await firstTime(failing)
    const { store, advance } = jumping()
    const { url: hasty } = await proxyTo(upstream.url, { store, guard, ...SOON })
    const { url } = await proxyTo(upstream.url, { store, guard })
    const answer = await fetch(hasty, POST('k'))
    expect(answer.status).toBe(504)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(await answer.json()).toMatchObject({ code: 'outcome-unknown' })
    const duplicate = await fetch(url, POST('k'))
    expect([duplicate.status, upstream.seen.length]).toEqual([409, 1])
    advance(LEASE)
    expect(await (await fetch(url, POST('k'))).text()).toBe('attempt 2')
    expect(await (await fetch(url, POST('k'))).text()).toBe('attempt 2')
    expect(upstream.seen).toHaveLength(2)
  })

  it.each([
    ['with a length', breaksOff],
    ['in chunks', breaksOffChunked],
  ])('in full, %s, cuts the client off as well, and counts as not known', async (_, failing) => {
    const upstream = await firstTime(failing)
    const { store, advance } = jumping()
    const { url } = await proxyTo(upstream.url, { store, guard: { ...guard, onAbandoned: 'hold' } })
    const answer = await fetch(url, POST('k'))
    expect(answer.status).toBe(200)
    await expect(answer.text()).rejects.toThrow()
    expect((await fetch(url, POST('k'))).status).toBe(409)
    advance(LEASE)
    expect(await (await fetch(url, POST('k'))).json()).toMatchObject({ status: 409, code: 'outcome-unknown' })
    expect(upstream.seen).toHaveLength(1)
  })

  it('is not asked again under hold, until somebody decides', async () => {
    const upstream = await firstTime(silent)
    const { store, advance } = jumping()
    const held = { store, guard: { ...guard, onAbandoned: 'hold' } } as const
    const { url: hasty } = await proxyTo(upstream.url, { ...held, ...SOON })
    const { url } = await proxyTo(upstream.url, held)
    expect((await fetch(hasty, POST('k'))).status).toBe(504)
    advance(LEASE)
    for (const _ of [1, 2]) {
      const answer = await fetch(url, POST('k'))
      expect(await answer.json()).toMatchObject({ status: 409, code: 'outcome-unknown' })
    }
    expect(upstream.seen).toHaveLength(1)
    const { items } = await store.list({ state: 'unknown', limit: 10 })
    expect(items).toMatchObject([{ key: 'k' }])
    await store.forget(items.map(({ id }) => id))
    expect(await (await fetch(url, POST('k'))).text()).toBe('attempt 1')
  })

  it('counts as not known, though the client left before', async () => {
    const upstream = await firstTime(silent)
    const { store, advance } = jumping()
    const { url: hasty } = await proxyTo(upstream.url, { store, guard, ...SOON })
    const { url } = await proxyTo(upstream.url, { store, guard })
    const leaving = new AbortController()
    const gone = fetch(hasty, { ...POST('k'), signal: leaving.signal })
    await until(() => upstream.seen.length === 1)
    leaving.abort()
    await expect(gone).rejects.toThrow()
    await until(() => upstream.seen[0]?.socket.destroyed)
    expect((await fetch(url, POST('k'))).status).toBe(409)
    advance(LEASE)
    expect(await (await fetch(url, POST('k'))).text()).toBe('attempt 2')
  })

  it('is told apart from one that takes its time', async () => {
    const upstream = await upstreamOf(async (req, res) => {
      req.resume()
      for (let n = 0; n < 6; n++) {
        await sleep(500)
        res.write(`${n}`)
      }
      res.end()
    })
    const { url } = await proxyTo(upstream.url, { upstreamTimeoutMs: 2_500 })
    const answers = await Promise.all([fetch(url, POST('k')), fetch(url)])
    for (const answer of answers) expect(await answer.text()).toBe('012345')
  })

  it('is told apart from a client that reads slowly', async () => {
    const size = 20_000_000
    const upstream = await upstreamOf((_, res) => res.end(Buffer.alloc(size)))
    const { url } = await proxyTo(upstream.url, { upstreamTimeoutMs: 1_500 })
    const read = await new Promise<number>((resolve, reject) => {
      get(url, (answer) => {
        let length = 0
        answer.on('error', reject)
        answer.on('end', () => resolve(length))
        setTimeout(() => answer.on('data', (chunk: Buffer) => (length += chunk.length)), 2_500)
      })
    })
    expect(read).toBe(size)
  })

  it.each([
    ['guarded', { 'idempotency-key': 'k', 'content-type': 'text/plain' }],
    ['not guarded', { 'content-type': 'text/plain' }],
  ])('is 504 when it stops to take a request that is still being sent, %s', async (_, headers) => {
    const taken: Socket[] = []
    const server = createTcp((socket) => taken.push(socket.on('error', () => {}).pause())).listen(0, '127.0.0.1')
    later(() => {
      for (const socket of taken) socket.destroy()
      server.close()
    })
    await event(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { url } = await proxyTo(`http://127.0.0.1:${port}`, { ...SOON, guard: { fingerprint: 'none' } })
    const answer = await fetch(url, { method: 'POST', headers, body: new Uint8Array(64_000_000) })
    expect([answer.status, await answer.json()]).toMatchObject([504, { code: 'outcome-unknown' }])
    expect(taken).toHaveLength(1)
    if ('idempotency-key' in headers)
      expect((await fetch(url, { method: 'POST', headers, body: 'x' })).status).toBe(409)
  })

  it('is 504 for requests that are not guarded, too', async () => {
    const upstream = await upstreamOf(silent)
    const { url } = await proxyTo(upstream.url, SOON)
    expect((await fetch(url)).status).toBe(504)
    expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(504)
  })
})

describe('a client that breaks off', () => {
  const head = 'POST / HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nContent-Length: 10\r\nConnection: close\r\n\r\n'

  it('while it sends what is compared, has asked nobody', async () => {
    const upstream = await counting()
    const { url } = await proxyTo(upstream.url)
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.write(`${head}12345`)
    await sleep(40)
    socket.destroy()
    await sleep(40)
    expect(upstream.seen).toHaveLength(0)
    expect(await raw(url, `${head}1234567890`)).toContain('{"runs":1}')
  })

  it('while it sends what streams through, has asked who knows what', async () => {
    let aborted = false
    const upstream = await upstreamOf(
      (req) =>
        void req
          .on('aborted', () => {
            aborted = true
          })
          .resume(),
    )
    const { url } = await proxyTo(upstream.url, { guard: { ...guard, fingerprint: 'none' } })
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.write(`${head}12345`)
    await until(() => upstream.seen.length === 1)
    socket.destroy()
    await until(() => aborted)
    expect(await raw(url, `${head}1234567890`)).toMatch(/^HTTP\/1.1 409 /)
  })
})

describe('a store that is down', () => {
  it('is 503 before the upstream is asked; an answer that exists is given, recorded or not', async () => {
    const upstream = await counting()
    const down = faultyStore(memoryStore(), (verb) => (verb === 'claim' ? { kind: 'lose-request' } : undefined))
    const { url } = await proxyTo(upstream.url, { store: down })
    expect((await fetch(url, POST('k'))).status).toBe(503)
    expect(upstream.seen).toHaveLength(0)
    expect((await fetch(url)).status).toBe(201)
  })
})

it('a connection that the upstream has given up is no reason to send twice', async () => {
  // It answers one request on each connection and drops the second without a word: what it did is not known.
  const seen: string[] = []
  const server = createTcp((socket) => {
    let requests = 0
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      seen.push(chunk.toString('latin1').split(' ', 1)[0] as string)
      if (++requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      else socket.destroy()
    })
  }).listen(0, '127.0.0.1')
  await event(server, 'listening')
  later(() => server.close())
  const { port } = server.address() as { port: number }
  const { url } = await proxyTo(`http://127.0.0.1:${port}`, { guard })
  expect((await fetch(url, POST('a'))).status).toBe(200)
  expect((await fetch(url, POST('b'))).status).toBe(504)
  expect(seen).toEqual(['POST', 'POST'])
})
