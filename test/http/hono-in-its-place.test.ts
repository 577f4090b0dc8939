import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { expect, it } from 'vitest'
import type { Store } from '../../src/core/store.ts'
import { idempotency as guardOf } from '../../src/http/fetch.ts'
import { idempotency } from '../../src/http/hono.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { engine, POST } from './fetch-kit.ts'

it('a problem in the place of an answer has the headers from before the handler, and none of the handler', async () => {
  // Another owner has taken the operation over.
  const store = { ...memoryStore(), complete: async () => ['lost'] } as unknown as Store
  const app = new Hono()
  app.use(cors({ origin: 'https://shop.example' }))
  app.use(async (c, next) => {
    c.header('x-front', 'front')
    c.header('set-cookie', 'front=1')
    await next()
    c.header('x-around', 'around')
  })
  app.use(idempotency(engine({ store }), { scope: 'public', replayHeaders: ['content-type'] }))
  app.post('/', (c) => {
    c.header('x-front', 'handler')
    c.header('set-cookie', 'handler=1', { append: true })
    return c.body('made', 201, { location: '/made', 'content-encoding': 'gzip', 'x-handler': '1' })
  })
  const answer = await app.request('/', POST('k', '{}', { origin: 'https://shop.example' }))
  const { status, headers } = answer
  expect([status, await answer.json()]).toMatchObject([409, { code: 'conflict' }])
  expect(headers.getSetCookie()).toEqual(['front=1'])
  const told = ['x-handler', 'location', 'content-encoding'].map((name) => headers.get(name))
  expect(told).toEqual([null, null, null])
  const kept = ['x-front', 'x-around', 'access-control-allow-origin'].map((name) => headers.get(name))
  expect(kept).toEqual(['front', 'around', 'https://shop.example'])
})

it.each([
  ['its path left in the request', { replaceRequest: false }, ['shop', 'shop']],
  ['an engine with a scope of its own', {}, ['one', 'two']],
] as const)('a mounted handler with %s has its own operations', async (_, how, scopes) => {
  const app = new Hono()
  const store = memoryStore()
  scopes.forEach((scope, at) => {
    const guarded = guardOf(engine({ store, scope }), { scope: 'public' })
    app.mount(
      `/v${at + 1}`,
      guarded(() => new Response(`v${at + 1}`)),
      how,
    )
  })
  for (const path of ['/v1/orders', '/v2/orders', '/v1/orders', '/v2/orders']) {
    expect(await (await app.request(path, POST('k'))).text()).toBe(path.slice(1, 3))
  }
})
