import { once as event } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import express from 'express'
import express4 from 'express4'
import { expect, it } from 'vitest'
import { onlyonce } from '../../src/core/engine.ts'
import type { Store } from '../../src/core/store.ts'
import { idempotency } from '../../src/http/express.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { later, sleep as pause, until } from './fetch-kit.ts'

const BODY = '{"sku":"mug"}'

function slowStore(stages: string[]): Store {
  const store = memoryStore()
  return {
    ...store,
    async claim(requests) {
      stages.push('claiming')
      await pause(100)
      return store.claim(requests)
    },
  }
}

async function listening(app: { listen(port: number, host: string): import('node:http').Server }) {
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  later(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    /** Sends `sent` of the body, and leaves when `stage` is reached. */
    async leave(sent: string, when: () => boolean) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      const head = `POST /orders HTTP/1.1\r\nhost: x\r\nidempotency-key: k\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}`
      socket.write(`${head}\r\n\r\n${sent}`)
      await until(when)
      socket.destroy()
      await pause(30)
    },
    async ask() {
      const headers = { 'idempotency-key': 'k', 'content-type': 'application/json' }
      const answer = await fetch(`http://127.0.0.1:${port}/orders`, { method: 'POST', headers, body: BODY })
      return `${answer.status} ${await answer.text()}`
    },
  }
}

it.each([
  ['5', express],
  ['4', express4 as typeof express],
])('the parser of express %s behind the guard reads the body of a client that left during the claim', async (_, of) => {
  const stages: string[] = []
  const once = onlyonce({ store: slowStore(stages), scope: 'test' })
  const bodies: unknown[] = []
  const app = of()
  app.use(idempotency(once, { scope: 'public' }))
  app.use(of.json())
  app.post('/orders', (req, res) => {
    bodies.push(req.body)
    res.status(201).send('made')
  })
  const { leave, ask } = await listening(app)
  await leave(BODY, () => stages.length > 0)
  await until(() => bodies.length > 0)
  await until(async () => !(await ask()).startsWith('409'))
  expect(await ask()).toBe('201 made')
  expect(bodies).toEqual([{ sku: 'mug' }])
})

it.each([
  ['the whole body', BODY],
  ['half of it', BODY.slice(0, 5)],
])('a client that sent %s and left before the guard has claimed nothing', async (_, sent) => {
  const stages: string[] = []
  const ends: string[] = []
  const once = onlyonce({ store: slowStore(stages), scope: 'test', leaseMs: 300, maxRunMs: 60_000 })
  const bodies: unknown[] = []
  const app = express()
  let asked = 0
  app.use(async (_, res, next) => {
    if (++asked === 1) {
      stages.push('authenticating')
      await until(() => res.destroyed)
    }
    next()
  })
  app.use(idempotency(once, { scope: 'public' }))
  app.use(express.json())
  app.post('/orders', (req, res) => {
    bodies.push(req.body)
    res.status(201).send('made')
  })
  const told: express.ErrorRequestHandler = (error, _, res, __) => {
    ends.push((error as Error).message)
    res.end()
  }
  app.use(told)
  const { leave, ask } = await listening(app)
  await leave(sent, () => stages.includes('authenticating'))
  await until(() => ends.length > 0)
  expect(ends).toEqual([expect.stringContaining('the client stopped sending')])
  expect(stages).toEqual(['authenticating'])
  expect(await ask()).toBe('201 made')
  expect(bodies).toEqual([{ sku: 'mug' }])
})

it('a handler does not begin behind an answer that was given in its place', async () => {
  const once = onlyonce({ store: slowStore([]), scope: 'test', storeTimeoutMs: 500 })
  const effects: string[] = []
  const app = express()
  let asked = 0
  app.use((_, res, next) => {
    if (++asked === 1) setTimeout(() => res.status(503).end('too late'), 30)
    next()
  })
  app.use(idempotency(once, { scope: 'public' }))
  app.post('/orders', async (_, res) => {
    await pause(1_200)
    effects.push('paid')
    res.status(201).send('made')
  })
  const { ask } = await listening(app)
  expect(await ask()).toBe('503 too late')
  await pause(800)
  expect(await ask()).toBe('201 made')
  expect(effects).toEqual(['paid'])
})

it('a handler that waits until its client has read goes on when the client has left', async () => {
  const once = onlyonce({ store: memoryStore(), scope: 'test' })
  const chunk = Buffer.alloc(64 * 1024, 'x')
  let waited = false
  let finished = 0
  const app = express()
  app.use(idempotency(once, { scope: 'public', maxBodyBytes: 700_000, onUnrecordable: () => {} }))
  app.post('/orders', async (_, res) => {
    res.status(201)
    for (let step = 0; step < 100; step++) {
      if (res.write(chunk)) continue
      if (res.destroyed) break
      waited = true
      await Promise.race([event(res, 'drain'), event(res, 'close')])
    }
    finished++
    res.end()
  })
  const { leave } = await listening(app)
  await leave(BODY, () => waited)
  await until(() => finished > 0, 3_000)
  expect(finished).toBe(1)
})
