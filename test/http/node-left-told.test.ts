import { once as event } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { engine, until } from './fetch-kit.ts'
import { listen, shut } from './harness/listen.ts'
import { proxyTo, upstreamOf } from './proxy-kit.ts'
import { rawConnection } from './raw-connection.ts'

/** Runs a handler whose client has left, and answers the response it was given. */
async function left(handler: (res: ServerResponse) => void): Promise<ServerResponse> {
  const guard = idempotency(engine(), { scope: 'public' })
  let begun = () => {}
  const begins = new Promise<void>((resolve) => {
    begun = resolve
  })
  let answered: ServerResponse | undefined
  const handle = async (req: IncomingMessage, res: ServerResponse) => {
    begun()
    await event(req.socket, 'close')
    handler(res)
    answered = res
  }
  const server = createServer((req, res) => guard(req, res, () => void handle(req, res)))
  onTestFinished(() => shut(server))
  const connection = rawConnection(await listen(server))
  connection.post('k')
  await begins
  await connection.leave()
  await until(() => answered)
  return answered as ServerResponse
}

const stream = { 'content-type': 'text/event-stream' }

it.each([
  ['begins an event stream', (res: ServerResponse) => void res.writeHead(200, stream)],
  [
    'writes an event',
    (res: ServerResponse) => void res.setHeader('content-type', stream['content-type']).write('data'),
  ],
  ['gives its answer up', (res: ServerResponse) => void res.destroy()],
  ['answers', (res: ServerResponse) => void res.end('made')],
])('a handler that %s for a client that left is told so', async (_, handler) => {
  let told = 0
  const res = await left((response) => {
    handler(response)
    // As late as a producer of events begins to listen.
    response.on('close', () => told++)
  })
  await until(() => told)
  expect(res.destroyed).toBe(true)
  res.write('x'.repeat(1_000))
  await new Promise(setImmediate)
  expect([told, res.writableLength <= 200]).toEqual([1, true])
})

it('a handler whose client left finds a connection at the response, as it does without a guard', async () => {
  let found: unknown
  const res = await left((response) => {
    const { req, socket } = response
    found = [socket?.destroyed, socket?.writable, socket === req.socket, response.connection?.remotePort]
    response.end('made')
  })
  expect(found).toEqual([false, true, true, undefined])
  await until(() => res.destroyed)
  expect(res.socket?.destroyed).toBe(true)
})

it.each([
  ['begins to stream events', '', (res: ServerResponse) => void res.writeHead(200, stream).write('data: 1\n\n')],
  ['breaks its answer off', 'half', (res: ServerResponse) => void res.destroy()],
])('the proxy lets go of a request whose client left when the upstream %s', async (_, half, answer) => {
  let asked: ServerResponse | undefined
  const upstream = await upstreamOf((req, res) => {
    req.resume()
    if (half !== '') res.write(half)
    asked = res
  })
  const { url, adminUrl } = await proxyTo(upstream.url, { admin: { port: 0 }, guard: { leaseMs: 60_000 } })
  const connection = rawConnection(url)
  connection.post('k')
  await until(() => asked)
  await connection.heard(half)
  await connection.leave()
  answer(asked as ServerResponse)
  await until(async () => (await (await fetch(`${adminUrl}/metrics`)).text()).includes('in_flight 0'), 5_000)
})
