import { once as event } from 'node:events'
import { connect } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { proxyTo, sleep, until, upstreamOf } from './proxy-kit.ts'

const head = (method: string, path: string, more = '') => `${method} ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`

it.each([
  ['', head('GET', '/endless')],
  [', of a guarded request', head('POST', '/endless', 'Idempotency-Key: k\r\nContent-Length: 0\r\n')],
])('a client that takes nothing of its answer%s is cut off in time', async (_, asked) => {
  const upstream = await upstreamOf((req, res) => {
    if (req.url !== '/endless') return void res.end('ok')
    const chunk = Buffer.alloc(65_536)
    const more = () => {
      while (res.write(chunk));
      res.once('drain', more)
    }
    res.on('error', () => {})
    more()
  })
  const { url } = await proxyTo(upstream.url, {
    ...{ requestTimeoutMs: 300, maxInFlight: 1, guard: { onUnrecordable: () => {} } },
  })
  const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {})
  onTestFinished(() => void socket.destroy())
  socket.pause().write(asked)
  await until(() => upstream.seen.length > 0)
  expect((await fetch(url)).status).toBe(503)
  await expect.poll(async () => (await fetch(url)).status, { timeout: 5_000 }).toBe(200)
})

it('a client that waits for a slow upstream is not cut off, nor a web socket that is idle', async () => {
  const upstream = await upstreamOf(async (_req, res) => {
    await sleep(700)
    res.end('late')
  })
  upstream.server.on('upgrade', async (_req, socket) => {
    socket.on('error', () => {}).resume()
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
    await sleep(700)
    socket.end('late')
  })
  const { url } = await proxyTo(upstream.url, { requestTimeoutMs: 300 })
  const plain = fetch(url).then((answer) => answer.text())
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let heard = ''
  socket.on('data', (chunk) => {
    heard += String(chunk)
  })
  socket.write(head('GET', '/chat', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'))
  await event(socket, 'close')
  expect(heard).toMatch(/^HTTP\/1.1 101 .*late$/s)
  expect(await plain).toBe('late')
})
