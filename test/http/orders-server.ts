/** Runs in a process of its own: `server.mjs STORE_URL atomic|leased LEDGER_FILE`. Prints its port. */
import { appendFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { idempotency, txOf } from '../../src/http/express.ts'
import { onlyonce } from '../../src/index.ts'
import { openStore } from '../../src/stores/open.ts'
import { type AnyTx, write } from './orders-ledger.ts'

const [storeUrl = '', way = '', ledger = ''] = process.argv.slice(2)
const store = await openStore(storeUrl as 'memory:')
const once = onlyonce({ store, scope: 'orders', leaseMs: 2_000 })
const guard = idempotency(once, {
  ...{ scope: 'public', required: true, atomic: way === 'atomic' },
  ...{ onInFlight: 'wait', waitMs: 30_000, maxWaiting: 1_000 },
})

/** What the handler does comes before it ends, fails or dies, so that a second run would show. */
async function order(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { id, then } = JSON.parse(await textOf(request)) as { id: string; then?: 'die' | 'fail' }
  const tx = txOf<AnyTx>(request)
  if (tx === undefined) appendFileSync(ledger, `${id}\n`)
  else await write(tx, id)
  await new Promise((resolve) => setTimeout(resolve, 30))
  if (then === 'die' && process.env.MAY_DIE === 'yes') process.kill(process.pid, 'SIGKILL')
  response.writeHead(then === 'fail' ? 503 : 201, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ id, by: process.pid }))
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text
}

const server = createServer((request, response) => {
  guard(request, response, (error?: unknown) => {
    if (error === undefined) order(request, response).catch((thrown) => response.destroy(thrown))
    else response.writeHead(500).end()
  })
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
