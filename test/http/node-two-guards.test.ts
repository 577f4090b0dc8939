import { createServer } from 'node:http'
import Koa from 'koa'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency as expressly } from '../../src/http/express.ts'
import { idempotency } from '../../src/http/koa.ts'
import { listen, shut } from './harness/listen.ts'
import { newOnce, order, seen } from './harness/shop.ts'

/** Two engines, and a request that each of them knows by another object: both listen to the one response. */
async function serve(answer: (ctx: Koa.Context, run: number) => void) {
  const inner = newOnce()
  const outer = newOnce()
  let runs = 0
  const app = new Koa()
  app.use(idempotency<Koa.Context>(inner, { scope: 'public' }))
  app.use((ctx) => answer(ctx, ++runs))
  const handle = app.callback()
  const guard = expressly(outer, { scope: 'public' })
  const server = createServer((req, res) => guard(req, res, () => void handle(req, res)))
  onTestFinished(() => shut(server))
  const size = async (once: typeof inner) => (await once.store.list({ limit: 10 })).items.length
  return { url: await listen(server), inner, outer, size, runs: () => runs }
}

it('a guard behind another one on the same response records what it records, and each can answer alone', async () => {
  const { url, inner, outer, size, runs } = await serve((ctx, run) => {
    ctx.status = 201
    ctx.set('location', `/orders/${run}`)
    ctx.body = `made ${run}`
  })
  const first = await seen(await order(url, 'k'))
  expect(first).toMatchObject({ status: 201 })
  expect([await size(outer), await size(inner)]).toEqual([1, 1])
  expect(await seen(await order(url, 'k'))).toEqual({ ...first, replayed: true })
  const { items } = await outer.store.list({ limit: 10 })
  await outer.store.forget(items.map(({ id }) => id))
  expect(await seen(await order(url, 'k'))).toEqual({ ...first, replayed: true })
  expect(runs()).toBe(1)
})

it('what neither of them keeps is answered, and both keys are free again', async () => {
  const { url, runs } = await serve((ctx, run) => {
    ctx.status = run === 1 ? 503 : 201
    ctx.body = `run ${run}`
  })
  expect((await order(url, 'k')).status).toBe(503)
  expect((await order(url, 'k')).status).toBe(201)
  expect((await order(url, 'k')).status).toBe(201)
  expect(runs()).toBe(2)
})
