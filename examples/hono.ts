// One guarded route of Hono, behind what says who is asking.
import { type Context, Hono } from 'hono'
import { onlyonce } from 'onlyonce'
import { idempotency, operationOf } from 'onlyonce/hono'
import { memoryStore } from 'onlyonce/memory'

type Env = { Variables: { user: string } }

const once = onlyonce({ store: memoryStore(), scope: 'shop' })
const guard = idempotency<Context<Env>>(once, { scope: ({ request: c }) => c.get('user') })

const app = new Hono<Env>()
app.use(async (c, next) => {
  c.set('user', c.req.header('x-user') ?? 'nobody')
  await next()
})
app.post('/orders', guard, async (c) => {
  const { item } = await c.req.json<{ item: string }>()
  console.log(c.get('user'), 'orders', item, 'under the key', operationOf(c)?.key)
  return c.json({ ordered: item }, 201)
})

for (const user of ['ann', 'ann', 'bob']) {
  const answer = await app.request('/orders', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'k-1', 'x-user': user },
    body: JSON.stringify({ item: 'lift' }),
  })
  console.log(answer.status, answer.headers.get('idempotency-replayed'), await answer.text())
}

// prints: ann orders lift under the key k-1
// prints: 201 null {"ordered":"lift"}
// prints: 201 true {"ordered":"lift"}
// prints: bob orders lift under the key k-1
// prints: 201 null {"ordered":"lift"}
