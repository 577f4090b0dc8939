// Answers that are lost: the client asks again with the same key, and the server charges once.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onlyonce } from 'onlyonce'
import { idempotentFetch } from 'onlyonce/client'
import { memoryStore } from 'onlyonce/memory'

const once = onlyonce({ store: memoryStore(), scope: 'payments' })
let lost = 0
const server = createServer(async (request, response) => {
  const outcome = await once.attempt(String(request.headers['idempotency-key']), () => {
    console.log('charging')
    return 'receipt r_1'
  })
  // The effect happened, and the client never hears of it.
  if (lost++ < 2) return response.destroy()
  response.setHeader('idempotency-replayed', String(outcome.kind === 'replayed'))
  return response.end('value' in outcome ? outcome.value : '')
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

const send = idempotentFetch(fetch, {
  key: ({ headers }) => `order-${headers.get('x-order')}`,
  backoffMs: 10,
  onEvent: (event) => console.log(event.type, event.key),
})
const { port } = server.address() as AddressInfo
const response = await send(`http://127.0.0.1:${port}/charges`, {
  method: 'POST',
  headers: { 'x-order': '1100' },
  body: JSON.stringify({ pence: 4200 }),
})
console.log(response.status, await response.text())
server.closeAllConnections()
server.close()

// prints: charging
// prints: attempt-failed order-1100
// prints: attempt-failed order-1100
// prints: replayed order-1100
// prints: 200 receipt r_1
