import { createServer } from 'node:http'
import fastify from 'fastify'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { idempotency as fastifyPlugin } from '../../src/http/fastify.ts'
import type { Store } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { engine, gated, POST, until } from './fetch-kit.ts'
import { listen, shut } from './harness/listen.ts'
import { proxyTo, upstreamOf } from './proxy-kit.ts'

interface Closable {
  readonly url: string
  close(): Promise<unknown>
  /** Resolves when it no longer listens, and has closed what it took for idle. */
  closing(): Promise<void>
}

const servers: Record<string, (store: Store) => Promise<Closable>> = {
  async 'node:http'(store) {
    const guard = idempotency(engine({ store }), { scope: 'public' })
    const server = createServer((req, res) => guard(req, res, () => res.end('made')))
    onTestFinished(() => shut(server).catch(() => {}))
    const close = () => new Promise<void>((resolve) => server.close(() => resolve()))
    return { url: await listen(server), close, closing: async () => {} }
  },
  async Fastify(store) {
    const app = fastify()
    app.register(fastifyPlugin, { once: engine({ store }), scope: 'public' })
    app.post('/', async () => 'made')
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    return { url, close: () => app.close(), closing: () => until(() => !app.server.listening) }
  },
  async 'the proxy'(store) {
    const upstream = await upstreamOf((req, res) => void req.resume().on('end', () => res.end('made')))
    const proxy = await proxyTo(upstream.url, { store })
    return { url: proxy.url, close: () => proxy.close(10_000), closing: async () => {} }
  },
}

it.each(Object.keys(servers))('%s that closes while an answer is recorded sends it first', async (name) => {
  const { store, completing, open } = gated(memoryStore())
  const { url, close, closing } = await (servers[name] as (typeof servers)[string])(store)
  const answer = fetch(url, { ...POST('k', '{}', { connection: 'close' }) }).then((one) => one.text())
  await until(completing)
  const closed = close()
  await closing()
  open()
  expect(await answer).toBe('made')
  await closed
})

it('a handler whose client left is waited for by the engine, and not by the server', async () => {
  const once = engine()
  const guard = idempotency(once, { scope: 'public' })
  let finish: (() => void) | undefined
  let ended = false
  const server = createServer((req, res) =>
    guard(req, res, async () => {
      await new Promise<void>((resolve) => {
        finish = resolve
      })
      res.end('made')
      ended = true
    }),
  )
  const leaving = new AbortController()
  const gone = fetch(await listen(server), { ...POST('k', '{}'), signal: leaving.signal })
  await until(() => finish !== undefined)
  leaving.abort()
  await expect(gone).rejects.toThrow()
  await new Promise((resolve) => server.close(resolve))
  expect(ended).toBe(false)
  const closed = once.close()
  finish?.()
  await closed
  expect(ended).toBe(true)
})
