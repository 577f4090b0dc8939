import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { onlyonce } from '../../src/core/engine.ts'
import type { Store } from '../../src/core/store.ts'
import { idempotency } from '../../src/http/express.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'

const tidy: (() => unknown)[] = []
afterEach(async () => {
  for (const one of tidy.splice(0)) await one()
})

/** A server whose handler reads the body itself, behind a store that takes its time. */
async function serve(claimMs: number) {
  const store = memoryStore()
  const slow: Store = {
    ...store,
    async claim(requests) {
      await pause(claimMs)
      return store.claim(requests)
    },
  }
  const once = onlyonce({ store: slow, scope: 'test' })
  const guard = idempotency(once, { scope: 'public' })
  const bodies: string[] = []
  const handle = async (req: IncomingMessage, res: ServerResponse) => {
    await pause(50)
    let body = ''
    req.on('data', (chunk) => {
      body += chunk
    })
    req.on('end', () => {
      bodies.push(body)
      res.statusCode = 201
      res.write('made ')
      res.end(body)
    })
  }
  const server = createServer((req, res) => guard(req, res, () => void handle(req, res)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  tidy.push(
    () => server.closeAllConnections(),
    () => new Promise((resolve) => server.close(resolve)),
  )
  const { port } = server.address() as AddressInfo
  const ask = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      headers: { 'idempotency-key': 'k' },
      body: 'thing',
    })
    return `${answer.status} ${await answer.text()}`
  }
  const askAndLeave = (ms: number, how: 'close' | 'reset') =>
    new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(
          'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain;charset=UTF-8\r\nIdempotency-Key: k\r\nContent-Length: 5\r\n\r\nthing',
        )
        setTimeout(() => {
          if (how === 'reset') socket.resetAndDestroy()
          else socket.destroy()
          resolve()
        }, ms)
      })
      socket.on('error', () => {})
    })
  return { ask, askAndLeave, bodies }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

it.each([
  ['while its request is being claimed', 'close', 100, 20],
  ['while its request is being claimed', 'reset', 100, 20],
  ['before the handler has read the body', 'close', 0, 25],
  ['before the handler has read the body', 'reset', 0, 25],
] as const)(
  'a client that leaves %s (%s) changes nothing: the handler runs once, and its answer is kept',
  async (_, how, claimMs, leaveMs) => {
    const { ask, askAndLeave, bodies } = await serve(claimMs)
    await askAndLeave(leaveMs, how)
    await pause(claimMs + 150)
    expect(bodies).toEqual(['thing'])
    expect(await ask()).toBe('201 made thing')
    expect(bodies).toEqual(['thing'])
  },
)
