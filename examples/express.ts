// An Express route that is asked twice: the handler runs once, and the second client gets the first one's answer.
import type { AddressInfo } from 'node:net'
import express from 'express'
import { onlyonce } from 'onlyonce'
import { idempotency } from 'onlyonce/express'
import { memoryStore } from 'onlyonce/memory'

const once = onlyonce({ store: memoryStore(), scope: 'shop' })
const app = express()

// Behind what finds out who is asking, in front of what handles.
app.use(idempotency(once, { scope: ({ header }) => header('x-user') ?? 'nobody', required: true }))
app.use(express.json())

app.post('/orders', (req, res) => {
  console.log('charging', req.body.amount)
  res.status(201).json({ order: 1 })
})

const server = app.listen(0, '127.0.0.1', async () => {
  const { port } = server.address() as AddressInfo
  for (let attempt = 0; attempt < 2; attempt++) {
    const answer = await fetch(`http://127.0.0.1:${port}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-user': 'ann', 'idempotency-key': 'order-1100' },
      body: '{"amount":4200}',
    })
    console.log(answer.status, await answer.text(), answer.headers.get('idempotency-replayed'))
  }
  server.close()
})

// prints: charging 4200
// prints: 201 {"order":1} null
// prints: 201 {"order":1} true
