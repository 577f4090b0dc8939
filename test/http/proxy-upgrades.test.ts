import { once as event } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { bodyOf, counting, proxyTo, raw, reply, sleep, until, upstreamOf } from './proxy-kit.ts'

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
    const { url } = await proxyTo(upstream.url, { upstreamTimeoutMs: 1_500 })
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => (answer += chunk.toString()))
    socket.write(upgrade('GET', 'websocket', 'Sec-WebSocket-Key: abc\r\n\r\nfirst '))
    await until(() => answer.includes('first '))
    await sleep(2_000)
    socket.write('later ')
    await until(() => answer.includes('later '))
    socket.write('bye')
    await event(socket, 'close')
    expect(answer).toMatch(/^HTTP\/1.1 101 /)
    expect(answer).toContain('X-Key: abc')
    expect(answer).toMatch(/\r\n\r\nhello first later closing$/)
  })

  it('outlives a client that is refused and resets the connection', async () => {
    const upstream = await counting()
    const { url } = await proxyTo(upstream.url)
    for (let n = 0; n < 5; n++) {
      const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {})
      await event(socket, 'connect')
      socket.write('GET * HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
      await sleep(20)
      socket.resetAndDestroy()
    }
    await sleep(50)
    expect((await fetch(`${url}/alive`)).status).toBe(201)
  })

  it('ends with an upstream that breaks off its refusal, and tells how long that was to be', async () => {
    const upstream = await counting()
    upstream.server.on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nhalf')
      setTimeout(() => socket.destroy(), 50)
    })
    const { url } = await proxyTo(upstream.url)
    expect(await raw(url, upgrade('GET', 'websocket', '\r\n'))).toMatch(
      /^HTTP\/1.1 403 .*Content-Length: 100\r\n.*half$/s,
    )
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
    expect(await raw(url, whole, /got abcdef undefined\r\n/)).toMatch(/^HTTP\/1.1 200 /)
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

  it.each([
    ['offers HTTP/2', upgrade('POST', 'h2c', 'Content-Length: 1\r\n\r\n2'), /xover.* 200 .*two 2.* 200 .*three 3/s],
    ['asks for a web socket that there is not', upgrade('GET', 'websocket', '\r\n'), /xover.* 426 /s],
  ])('a request that %s is answered after those before it on the connection', async (_, second, answers) => {
    const upstream = await upstreamOf(async (req, res) => {
      const body = await bodyOf(req)
      if (body.toString() !== '1') return reply(res, 200, `${body.toString() === '2' ? 'two' : 'three'} ${body}`)
      res.writeHead(200, { 'content-length': 3_000_004 })
      await sleep(50)
      // More than a connection takes at once.
      res.end(`${'x'.repeat(3_000_000)}over`)
    })
    upstream.server.on('upgrade', (__, socket) =>
      socket.end('HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\n\r\n'),
    )
    const { url } = await proxyTo(upstream.url)
    const post = (body: string) =>
      `POST /chat HTTP/1.1\r\nHost: x\r\nIdempotency-Key: ${body}\r\nContent-Length: 1\r\n\r\n${body}`
    expect(await raw(url, post('1') + second + post('3'), /three 3| 426 /)).toMatch(answers)
  })

  it('a request that waits for those before it is cut off with them when the proxy is closed', async () => {
    const upstream = await upstreamOf(() => {})
    const proxy = await proxyTo(upstream.url)
    const first = 'POST /chat HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1'
    const told = raw(proxy.url, first + upgrade('POST', 'h2c', 'Content-Length: 1\r\n\r\n2'))
    await until(() => upstream.seen.length === 1)
    expect(await proxy.close(50)).toBe(false)
    expect(await told).toBe('')
  })

  it('leaves nothing behind on a connection that offers HTTP/2 with every request', async () => {
    const warned: string[] = []
    const hear = ({ name }: Error) => void warned.push(name)
    process.on('warning', hear)
    onTestFinished(() => void process.off('warning', hear))
    const { url } = await proxyTo((await counting()).url)
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    let answers = 0
    socket.on('data', () => answers++)
    for (let n = 1; n <= 20; n++) {
      socket.write(upgrade('GET', 'h2c', '\r\n'))
      await until(() => answers === n)
    }
    socket.destroy()
    expect(warned).toEqual([])
  })
})
