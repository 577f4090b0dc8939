import { createServer } from 'node:http'
import Router from '@koa/router'
import Koa from 'koa'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency } from '../../src/http/koa.ts'
import { listen, shut } from './harness/listen.ts'
import { newOnce, order, seen } from './harness/shop.ts'

async function serve(app: Koa): Promise<string> {
  app.on('error', () => {})
  const server = createServer(app.callback())
  onTestFinished(() => shut(server))
  return listen(server)
}

const guarded = () => idempotency<Koa.Context>(newOnce(), { scope: ({ request }) => request.state.user ?? 'nobody' })

it('middleware around the guard is through when the handler is, and sees what is answered', async () => {
  const app = new Koa()
  const told: unknown[] = []
  app.use(async (ctx, next) => {
    await next()
    told.push([ctx.status, ctx.body instanceof Buffer ? `${ctx.body}` : ctx.body])
    ctx.set('x-took', 'a while')
  })
  app.use(guarded())
  app.use(async (ctx) => {
    ctx.status = 201
    ctx.body = 'made'
  })
  const url = await serve(app)
  const answers = [await order(url, 'k'), await order(url, 'k')]
  expect(answers.map(({ headers }) => headers.get('x-took'))).toEqual(['a while', 'a while'])
  expect(await seen(answers[1] as Response)).toEqual({ ...(await seen(answers[0] as Response)), replayed: true })
  expect(told).toEqual([
    [201, 'made'],
    [201, 'made'],
  ])
})

it('an error of the guard, and one of the handler, go to whoever catches errors', async () => {
  const app = new Koa()
  const caught: string[] = []
  app.use(async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      caught.push((error as Error).message)
      ctx.status = 500
      ctx.body = 'caught'
    }
  })
  app.use(
    idempotency<Koa.Context>(newOnce(), {
      scope: ({ header }) => {
        if (header('x-user') === undefined) throw new Error('who are you')
        return 'ann'
      },
    }),
  )
  app.use(() => {
    throw new Error('the handler failed')
  })
  const url = await serve(app)
  expect((await order(url, 'k')).status).toBe(500)
  const known = { headers: { 'x-user': 'ann' } }
  expect(await (await order(url, 'k', known)).text()).toBe('caught')
  expect((await order(url, 'k', known)).headers.get('idempotency-replayed')).toBeNull()
  expect(caught).toEqual(['who are you', 'the handler failed', 'the handler failed'])
})

it('guards one route of a router, and counts its prefix', async () => {
  const app = new Koa()
  const router = new Router({ prefix: '/api' })
  let runs = 0
  router.post('/orders', guarded(), (ctx) => {
    ctx.body = { run: ++runs }
  })
  router.post('/other', (ctx) => {
    ctx.body = { run: ++runs }
  })
  app.use(router.routes())
  const url = await serve(app)
  for (const path of ['/api/orders', '/api/orders', '/api/other', '/api/other']) await order(url + path, 'k')
  expect(runs).toBe(3)
})
