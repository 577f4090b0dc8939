// A Fastify route that is asked twice: the handler runs once, and the second client gets the first one's answer.
import fastify from 'fastify'
import { onlyonce } from 'onlyonce'
import { type HttpCall, idempotency } from 'onlyonce/fastify'
import { memoryStore } from 'onlyonce/memory'

const once = onlyonce({ store: memoryStore(), scope: 'shop' })
const app = fastify()

app.register(idempotency, { once, scope: ({ header }: HttpCall) => header('x-user') ?? 'nobody' })

app.post<{ Body: { amount: number } }>(
  '/orders',
  { config: { idempotency: { required: true } } },
  async (request, reply) => {
    console.log('charging', request.body.amount)
    return reply.code(201).send({ order: 1 })
  },
)

// Every delivery of the same is welcome here.
app.post('/clicks', { config: { idempotency: false } }, async () => ({ counted: true }))

const url = await app.listen({ port: 0, host: '127.0.0.1' })
for (let attempt = 0; attempt < 2; attempt++) {
  const answer = await fetch(`${url}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-user': 'ann', 'idempotency-key': 'order-1100' },
    body: '{"amount":4200}',
  })
  console.log(answer.status, await answer.text(), answer.headers.get('idempotency-replayed'))
}
await app.close()

// prints: charging 4200
// prints: 201 {"order":1} null
// prints: 201 {"order":1} true
