import { once as event } from 'node:events'
import { createServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import Koa from 'koa'
import { expect, it } from 'vitest'
import type { Once } from '../../src/core/once.ts'
import type { Store } from '../../src/core/store.ts'
import { idempotency as express } from '../../src/http/express.ts'
import { idempotency as fastifyPlugin } from '../../src/http/fastify.ts'
import { idempotency as koa } from '../../src/http/koa.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { engine, later, sleep } from './fetch-kit.ts'
import { type Answered, packetClient } from './http2-packet.ts'

const ROUNDS = 200
const BURST = 30
/** Behind one connection, as a balancer would have them: no engine sees all of a burst. */
const ENGINES = 2

type Serve = (req: Http2ServerRequest, res: Http2ServerResponse) => void
type Effect = () => Promise<string>

/** A framework with a guard in front of one handler, which answers 201. */
const frameworks: Readonly<Record<string, (once: Once, effect: Effect) => Serve | Promise<Serve>>> = {
  'Node itself': (once, effect) => {
    const guard = express(once, { scope: 'public' })
    return (req, res) =>
      guard(req as never, res as never, async () => {
        req.resume()
        res.writeHead(201).end(await effect())
      })
  },
  Koa: (once, effect) => {
    const app = new Koa().use(koa<Koa.Context>(once, { scope: 'public' }))
    app.use(async (ctx) => {
      ctx.status = 201
      ctx.body = await effect()
    })
    return app.callback()
  },
  Fastify: async (once, effect) => {
    const app = fastify({ http2: true })
    await app.register(fastifyPlugin, { once, scope: 'public' } as const)
    app.post('/orders', async (_, reply) => reply.code(201).send(await effect()))
    await app.ready()
    later(() => app.close())
    return app.routing as never
  },
}

/** Bursts of one order each, sent to engines that share a store, and how often an effect took place. */
async function bursts(framework: string, store: Store) {
  let effects = 0
  const effect = async () => {
    await sleep(1)
    return `receipt ${++effects}`
  }
  const make = frameworks[framework] as (typeof frameworks)[string]
  const apps = await Promise.all(Array.from({ length: ENGINES }, () => make(engine({ store }), effect)))
  let asked = 0
  const server = createServer((req, res) => apps[asked++ % ENGINES]?.(req, res)).listen(0, '127.0.0.1')
  await event(server, 'listening')
  later(() => server.close())
  const client = await packetClient((server.address() as AddressInfo).port)
  later(() => client.close())
  const about = { ':method': 'POST', ':path': '/orders', 'content-type': 'application/json' }
  const burst = (key: string) => client.burst(BURST, { ...about, 'idempotency-key': key }, '{"item":1}')
  return { burst, effects: () => effects }
}

const isFirst = ({ status, replayed }: Answered) => status === 201 && !replayed

for (const framework of Object.keys(frameworks)) {
  it(`${framework}: requests that end in one packet of HTTP/2 have one effect`, { timeout: 180_000 }, async () => {
    const { burst, effects } = await bursts(framework, memoryStore())
    for (let round = 1; round <= ROUNDS; round++) {
      const answers = await burst(`round-${round}`)
      expect(effects()).toBe(round)
      expect(answers.filter(isFirst)).toMatchObject([{ body: `receipt ${round}` }])
      for (const { status, replayed, body } of answers.filter((answer) => !isFirst(answer))) {
        if (replayed) expect([status, body]).toEqual([201, `receipt ${round}`])
        else expect([status, JSON.parse(body).code]).toEqual([409, 'conflict'])
      }
    }
  })

  it(`${framework}: such a burst gets through a store that looks first and claims later`, async () => {
    const { burst, effects } = await bursts(framework, looksFirst(memoryStore()))
    await burst('round-1')
    expect(effects()).toBeGreaterThan(1)
  })
}

/** What everybody writes at first: nothing was there when it looked, so there is nothing now. */
function looksFirst(store: Store): Store {
  const claim: Store['claim'] = async (requests) => {
    const ids = requests.map(({ id }) => id)
    const found = await store.find(ids)
    await sleep(1)
    await store.forget(ids.filter((_, index) => found[index] === undefined))
    return store.claim(requests)
  }
  return Object.assign(Object.create(store), { claim }) as Store
}
