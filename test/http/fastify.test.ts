import cors from '@fastify/cors'
import fastify from 'fastify'
import { expect, it, onTestFinished } from 'vitest'
import { type FastifyIdempotency, idempotency, operationOf } from '../../src/http/fastify.ts'
import { onlyonce } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { faultyStore } from '../../src/testing/index.ts'
import { newOnce } from './harness/shop.ts'

function newApp() {
  const app = fastify()
  onTestFinished(() => app.close())
  return app
}

type App = ReturnType<typeof newApp>

const post = (app: App, url: string, key?: string, payload: object = { item: 1 }) =>
  app.inject({ method: 'POST', url, payload, headers: key === undefined ? {} : { 'idempotency-key': key } })

it('guards routes that are made before the plugin is loaded', async () => {
  const app = newApp()
  let runs = 0
  app.register(idempotency, { once: newOnce(), scope: 'public' })
  app.post('/orders', async (_request, reply) => reply.code(201).send({ run: ++runs }))
  const [first, second] = [await post(app, '/orders', 'k'), await post(app, '/orders', 'k')]
  expect([first.statusCode, second.statusCode, second.body, runs]).toEqual([201, 201, first.body, 1])
  expect(second.headers['idempotency-replayed']).toBe('true')
})

it('guards nothing outside of the instance it is registered on', async () => {
  const app = newApp()
  let runs = 0
  const handler = async () => ({ run: ++runs })
  app.register(async (api) => {
    api.register(idempotency, { once: newOnce(), scope: 'public' })
    api.post('/guarded', handler)
    api.register(async (inner) => void inner.post('/within', handler))
  })
  app.post('/outside', handler)
  for (const url of ['/guarded', '/within', '/outside']) {
    await post(app, url, 'k')
    await post(app, url, 'k')
  }
  expect(runs).toBe(4)
})

it('a request that is refused before the handler has no key', async () => {
  const app = newApp()
  const once = newOnce()
  app.register(idempotency, { once, scope: 'public' })
  const schema = { body: { type: 'object', required: ['amount'], properties: { amount: { type: 'integer' } } } }
  app.post('/orders', { schema }, async (_request, reply) => reply.code(201).send({}))
  expect((await post(app, '/orders', 'k', {})).statusCode).toBe(400)
  expect((await once.store.list({ limit: 10 })).items).toEqual([])
  expect((await post(app, '/orders', 'k', { amount: 1 })).statusCode).toBe(201)
})

it('a route may be left out, or have options of its own', async () => {
  const app = newApp()
  let runs = 0
  const handler = async () => ({ run: ++runs })
  app.register(idempotency, { once: newOnce(), scope: 'public' })
  app.post('/free', { config: { idempotency: false } }, handler)
  app.post('/strict', { config: { idempotency: { required: true, retentionMs: 60_000 } } }, handler)
  await post(app, '/free', 'k')
  await post(app, '/free', 'k')
  expect(runs).toBe(2)
  expect((await post(app, '/strict')).json()).toMatchObject({ code: 'missing-key' })
  await post(app, '/strict', 'k')
  await post(app, '/strict', 'k')
  expect(runs).toBe(3)
  const published = Reflect.get(app, 'idempotency') as FastifyIdempotency
  expect(published.describe()).toMatchObject({ required: false, expiresAfterSeconds: 86_400 })
  expect(published.describe({ required: true })).toMatchObject({ required: true })
})

it('a mistake in the options is told when the plugin is loaded, or the route is made', async () => {
  const app = newApp()
  app.register(idempotency, { once: newOnce(), scope: 'public', leaseMS: 1 } as never)
  await expect(app.ready()).rejects.toThrow(/option `leaseMS` is not an option/)
  const other = newApp()
  await other.register(idempotency, { once: newOnce(), scope: 'public' })
  const route = () => other.post('/x', { config: { idempotency: { requird: true } } }, async () => ({}))
  expect(route).toThrow(/option `requird` is not an option/)
})

it('hooks of the application see replays and problems as they see any answer', async () => {
  const app = newApp()
  const told: (readonly [number, string])[] = []
  await app.register(cors, { origin: 'https://shop.example' })
  app.register(idempotency, { once: newOnce(), scope: 'public' })
  app.addHook('onSend', async (_request, reply, payload) => {
    reply.header('x-seen', 'yes')
    return payload
  })
  app.addHook(
    'onResponse',
    async (request, reply) => void told.push([reply.statusCode, operationOf(request)?.key ?? '']),
  )
  app.post('/orders', async (_request, reply) => reply.code(201).send({}))
  const answers = [
    await post(app, '/orders', 'k'),
    await post(app, '/orders', 'k'),
    await post(app, '/orders', 'k', { other: 1 }),
  ]
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([201, 201, 422])
  for (const { headers } of answers) {
    expect(headers).toMatchObject({ 'access-control-allow-origin': 'https://shop.example', 'x-seen': 'yes' })
  }
  expect(told).toEqual([
    [201, 'k'],
    [201, ''],
    [422, ''],
  ])
})

it('an error handler of the application answers what the guard throws', async () => {
  const app = newApp()
  app.setErrorHandler((error, _request, reply) => reply.code(500).send({ told: (error as Error).message }))
  app.register(idempotency, {
    once: newOnce(),
    scope: () => {
      throw new Error('who are you')
    },
  })
  app.post('/orders', async () => ({}))
  expect((await post(app, '/orders', 'k')).json()).toEqual({ told: 'who are you' })
})

it('a duplicate that a time limit in front has answered is not answered again, and nothing is logged', async () => {
  const logged: string[] = []
  const app = fastify({ logger: { level: 'warn', stream: { write: (line) => void logged.push(line) } } })
  onTestFinished(() => app.close())
  const store = faultyStore(memoryStore(), (verb) => (verb === 'claim' ? { kind: 'delay-reply', ms: 60 } : undefined))
  app.addHook('onRequest', async ({ headers }, reply) => {
    if (headers['content-type'] === undefined) setTimeout(() => reply.code(503).send('too late'), 20)
  })
  app.register(idempotency, { once: onlyonce({ store, scope: 'shop' }), scope: 'public', fingerprint: () => 'same' })
  app.post('/orders', async () => ({}))
  expect((await post(app, '/orders', 'k')).statusCode).toBe(200)
  const late = app.inject({ method: 'POST', url: '/orders', headers: { 'idempotency-key': 'k' } })
  expect([(await late).statusCode, (await late).body]).toEqual([503, 'too late'])
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(logged).toEqual([])
})
