// A Koa application that is asked twice: the handler runs once, and the second client gets the first one's answer.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import { onlyonce } from 'onlyonce'
import { idempotency, operationOf } from 'onlyonce/koa'
import { memoryStore } from 'onlyonce/memory'

const once = onlyonce({ store: memoryStore(), scope: 'shop' })
const app = new Koa()

app.use(async (ctx, next) => {
  ctx.state.user = ctx.get('x-user')
  await next()
})
app.use(idempotency<Koa.Context>(once, { scope: ({ request }) => request.state.user, required: true }))

app.use((ctx) => {
  console.log('charging for', operationOf(ctx)?.key)
  ctx.status = 201
  ctx.body = { order: 1 }
})

const server = createServer(app.callback())
server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address() as AddressInfo
  for (let attempt = 0; attempt < 2; attempt++) {
    const answer = await fetch(`http://127.0.0.1:${port}/orders`, {
      method: 'POST',
      headers: { 'x-user': 'ann', 'idempotency-key': 'order-1100' },
    })
    console.log(answer.status, await answer.text(), answer.headers.get('idempotency-replayed'))
  }
  server.close()
})

// prints: charging for order-1100
// prints: 201 {"order":1} null
// prints: 201 {"order":1} true
