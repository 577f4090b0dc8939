import { once as event } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { engine, later, listen, proxyTo } from './proxy-kit.ts'
import { rawConnection } from './raw-connection.ts'

const MORE = 'x'.repeat(32_000_000)

/** An upstream that answers each connection at once, and takes nothing more from it. */
async function hasty(): Promise<string> {
  const taken: Socket[] = []
  const server = createTcp((socket) => {
    taken.push(socket.on('error', () => {}))
    socket.once('data', () => socket.pause().write('HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nless'))
  }).listen(0, '127.0.0.1')
  later(() => {
    for (const socket of taken) socket.destroy()
    server.close()
  })
  await event(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const nowhere = async () => 'http://127.0.0.1:9'

/** Whoever sends all of its request before it reads would otherwise be cut off, and never see its answer. */
it.each([
  ['an upstream that answers before it has all', hasty, '413'],
  ['no upstream', nowhere, '502'],
])('the proxy takes what a client still sends: %s', async (_, upstreamOf, status) => {
  const { url } = await proxyTo(await upstreamOf())
  const client = rawConnection(url)
  client.send(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${MORE.length}\r\n\r\n${MORE.slice(0, 100)}`)
  await client.heard(`HTTP/1.1 ${status} `)
  client.send(MORE.slice(100))
  client.get()
  await expect.poll(() => client.soFar().split(`HTTP/1.1 ${status} `).length).toBe(3)
})

it('the guard takes what a client still sends, too, when it has seen enough of it', async () => {
  const guard = idempotency(engine(), { scope: 'public', maxRequestBytes: 10 })
  const url = await listen(createServer((req, res) => guard(req, res, () => res.end('ran'))))
  const client = rawConnection(url)
  const chunk = `${MORE.length.toString(16)}\r\n${MORE}\r\n`
  const first = '14\r\n01234567890123456789\r\n'
  client.send(`POST / HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nTransfer-Encoding: chunked\r\n\r\n${first}`)
  await client.heard('HTTP/1.1 413 ')
  client.send(`${chunk}0\r\n\r\n`)
  client.get()
  await client.heard('ran')
})
