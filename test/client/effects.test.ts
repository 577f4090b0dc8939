import { afterEach, describe, expect, it } from 'vitest'
import { idempotentFetch, isReplay } from '../../src/client/index.ts'
import { onlyonce } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { createProxy } from '../support/proxy.ts'
import { closeServers, FAST, serve } from './server.ts'

afterEach(closeServers)

/** A shop that charges once for a key, and tells whether it remembered. */
async function shop() {
  const once = onlyonce({ store: memoryStore(), scope: 'shop' })
  const charged: string[] = []
  const server = await serve(async (response, { key = '', body }) => {
    const outcome = await once.attempt({ key, payload: body }, async () => {
      charged.push(body.toString())
      await new Promise((resolve) => setTimeout(resolve, 5))
      return `receipt of ${body}`
    })
    if (outcome.kind === 'mismatch') return response.writeHead(422).end()
    if (outcome.kind !== 'executed' && outcome.kind !== 'replayed') return response.writeHead(409).end()
    return response
      .writeHead(201, outcome.kind === 'replayed' ? { 'idempotency-replayed': 'true' } : {})
      .end(outcome.value)
  })
  return { server, charged }
}

describe('one effect, whatever happens to the answers', () => {
  it('of 60 calls whose first answers are lost', async () => {
    const { server, charged } = await shop()
    const proxy = await createProxy(server.port)
    let replies = 0
    proxy.onReply = () => (replies++ % 3 === 0 ? 'cut' : undefined)
    const send = idempotentFetch(fetch, { ...FAST, maxAttempts: 50 })
    const orders = Array.from({ length: 60 }, (_, index) => `order ${index}`)
    const answers = await Promise.all(
      orders.map(async (body) => {
        const response = await send(`http://127.0.0.1:${proxy.port}/`, { method: 'POST', body })
        return { text: await response.text(), replay: isReplay(response) }
      }),
    )
    await proxy.close()
    expect(charged.toSorted()).toEqual(orders.toSorted())
    expect(answers.map(({ text }) => text)).toEqual(orders.map((order) => `receipt of ${order}`))
    expect(answers.filter(({ replay }) => replay).length).toBeGreaterThan(5)
  })

  it('when an attempt is given up while the server is still at it', async () => {
    const { server, charged } = await shop()
    const proxy = await createProxy(server.port)
    proxy.onReply = (_, connection) => (connection === 1 ? 'drop' : undefined)
    const send = idempotentFetch(fetch, { ...FAST, attemptTimeoutMs: 150 })
    const response = await send(`http://127.0.0.1:${proxy.port}/`, { method: 'POST', body: 'a' })
    await proxy.close()
    expect([response.status, isReplay(response), charged]).toEqual([201, true, ['a']])
  })
})
