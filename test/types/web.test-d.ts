import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { expectTypeOf, it } from 'vitest'
import { idempotency as onFetch } from '../../src/http/fetch.ts'
import { type HonoContext, type HonoMiddleware, idempotency as onHono } from '../../src/http/hono.ts'
import { onlyonce } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import type { SqliteStore } from '../../src/stores/sqlite/index.ts'

const once = onlyonce({ store: memoryStore(), scope: 'types' })
const transactional = onlyonce({ store: {} as SqliteStore, scope: 'types' })

it('Hono fits by shape', () => {
  expectTypeOf<Context>().toExtend<HonoContext>()
  expectTypeOf<Context<{ Variables: { user: string } }>>().toExtend<HonoContext>()
  expectTypeOf<HonoMiddleware<HonoContext>>().toExtend<MiddlewareHandler>()
})

it('options of Hono are handed the context, of the app when it is named', () => {
  type Env = { Variables: { user: { id: string } } }
  const app = new Hono<Env>()
  app.use(onHono(once, { scope: 'public' }))
  app.post('/', onHono(once, { scope: ({ request }) => String(request.get('user')) }), (c) => c.text('x'))
  app.post('/', onHono<Context<Env>>(once, { scope: ({ request }) => request.get('user').id }), (c) => c.text('x'))
  onHono<Context<Env>>(transactional, { scope: ({ request }) => request.get('user').id, atomic: true })
  // @ts-expect-error there is no such variable
  onHono<Context<Env>>(once, { scope: ({ request }) => request.get('nobody').id })
  // @ts-expect-error whose keys they are must be said
  onHono(once, {})
})

it('a wrapped handler keeps its own arguments', () => {
  interface NextRequest extends Request {
    readonly nextUrl: URL
  }
  const handler = (request: NextRequest, context: { params: Promise<{ id: string }> }) =>
    context.params.then(({ id }) => new Response(request.nextUrl.pathname + id))
  const wrapped = onFetch(once, { scope: 'public' })(handler)
  expectTypeOf(wrapped).toEqualTypeOf<
    (request: NextRequest, context: { params: Promise<{ id: string }> }) => Promise<Response>
  >()
  onFetch<NextRequest>(once, { scope: ({ request }) => request.nextUrl.host })(handler)
  onFetch<NextRequest>(transactional, { scope: ({ request }) => request.nextUrl.host, atomic: true })(handler)
  // @ts-expect-error not a response
  onFetch(once, { scope: 'public' })(() => 'text')
})
