// A handler of web requests (Next.js, Bun, Deno, Workers), asked twice with one key: it charges once.
import { onlyonce } from 'onlyonce'
import { idempotency, operationOf } from 'onlyonce/fetch'
import { memoryStore } from 'onlyonce/memory'

const once = onlyonce({ store: memoryStore(), scope: 'shop' })
const guarded = idempotency(once, { scope: ({ request }) => request.headers.get('x-user') ?? 'nobody', required: true })

const POST = guarded(async (request: Request) => {
  const { pence } = (await request.json()) as { pence: number }
  console.log('charging', pence, 'attempt', operationOf(request)?.attempt)
  return Response.json({ charged: pence }, { status: 201 })
})

const order = (pence: number) =>
  new Request('http://shop.example/charges', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': '"order-1100"', 'x-user': 'ann' },
    body: JSON.stringify({ pence }),
  })

for (const pence of [4200, 4200, 9900]) {
  const answer = await POST(order(pence))
  console.log(answer.status, answer.headers.get('idempotency-replayed'), await answer.text())
}

// prints: charging 4200 attempt 1
// prints: 201 null {"charged":4200}
// prints: 201 true {"charged":4200}
// prints: 422 null {"type":"urn:onlyonce:problem:fingerprint-mismatch","title":"Idempotency-Key is already used","status":422,"detail":"This key was used for another request. Send a new key with a new request, or the first request again.","code":"fingerprint-mismatch"}
