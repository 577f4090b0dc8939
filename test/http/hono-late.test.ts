import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { idempotency } from '../../src/http/hono.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { fakeRuntime } from '../../src/testing/fake-runtime.ts'
import { engine, POST } from './fetch-kit.ts'

/** Something that somebody waits for, and somebody else lets come. */
function gate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

describe('a Hono handler that answers after its lease was lost', () => {
  it('leaves the 409 alone that was made in its place', async () => {
    const runtime = fakeRuntime()
    const limits = { leaseMs: 100, maxRunMs: 150, storeTimeoutMs: 200 }
    const once = engine({ store: memoryStore({ runtime }), runtime, ...limits })
    const [handler, outer, answered] = [gate(), gate(), gate()]
    const app = new Hono()
    app.use(async (_, next) => {
      await next()
      answered.open()
      await outer.opened
    })
    app.use(idempotency(once, { scope: 'public' }))
    app.post('/', async (c) => {
      await handler.opened
      return c.json({ made: 1 })
    })
    const asked = app.request('/', POST('k'))
    await runtime.advance(limits.maxRunMs + limits.leaseMs)
    await answered.opened
    handler.open()
    await runtime.advance(0)
    outer.open()
    const answer = await asked
    expect([answer.status, await answer.json()]).toMatchObject([409, { code: 'conflict' }])
  })
})
