import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import express from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import Koa from 'koa'
import { expect, it, onTestFinished } from 'vitest'
import { idempotency } from '../../src/http/express.ts'
import { idempotency as fastifyPlugin } from '../../src/http/fastify.ts'
import { idempotency as koaMiddleware } from '../../src/http/koa.ts'
import { onlyonce, type Store } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { listen, shut } from './harness/listen.ts'
import { order, seen } from './harness/shop.ts'

/** An engine whose owners lose their leases as soon as they renew them, or complete. */
function losing(verbs: readonly ('renew' | 'complete')[]) {
  const store = memoryStore()
  const lost = async () => ['lost' as const]
  const loses = Object.fromEntries(verbs.map((verb) => [verb, lost]))
  return onlyonce({ store: { ...store, ...loses } as Store, scope: 'test', leaseMs: 60 })
}

async function serve(handler: RequestListener): Promise<string> {
  const server = createServer(handler)
  onTestFinished(() => shut(server))
  return listen(server)
}

/** What nobody caught; it would have ended the process. */
function uncaught(): unknown[] {
  const errors: unknown[] = []
  const hear = (error: unknown) => void errors.push(error)
  const events = ['uncaughtException', 'unhandledRejection'] as const
  const before = events.map((name) => process.rawListeners(name))
  for (const name of events) process.removeAllListeners(name).on(name, hear)
  onTestFinished(() => {
    events.forEach((name, at) => {
      process.removeAllListeners(name)
      for (const one of before[at] ?? []) process.on(name, one as never)
    })
  })
  return errors
}

type Late = () => Promise<unknown>

const frameworks: Record<string, (late: Late) => Promise<string>> = {
  'node:http'(late) {
    const guard = idempotency(losing(['renew']), { scope: 'public' })
    const handler = async (res: ServerResponse) => {
      await late()
      res.setHeader('etag', '1').writeHead(201).write('made ')
      res.end('thing')
    }
    return serve((req, res) => guard(req, res, () => void handler(res)))
  },
  'Express 5'(late) {
    return serve(withExpress(express, (res) => void late().then(() => res.status(201).json({ made: 1 }))))
  },
  'Express 4'(late) {
    return serve(
      withExpress(express4, async (res) => {
        await late()
        res.status(201).json({ made: 1 })
      }),
    )
  },
  Koa(late) {
    const app = new Koa()
    app.use(koaMiddleware<Koa.Context>(losing(['renew']), { scope: 'public' }))
    app.use(async (ctx) => {
      await late()
      ctx.body = { made: 1 }
    })
    return serve(app.callback())
  },
  async Fastify(late) {
    const app = fastify()
    app.register(fastifyPlugin, { once: losing(['renew']), scope: 'public' })
    app.post('/orders', async () => {
      await late()
      return { made: 1 }
    })
    onTestFinished(() => app.close())
    return app.listen({ port: 0, host: '127.0.0.1' })
  },
}

function withExpress(of: typeof express, handler: (res: express.Response) => unknown) {
  const app = of().set('env', 'test')
  app.use(idempotency(losing(['renew']), { scope: 'public' }))
  app.use((_req, res) => void handler(res))
  return app
}

it.each(Object.keys(frameworks))('%s: a handler that outlives its lease answers into nothing', async (name) => {
  const errors = uncaught()
  let finish = () => {}
  const answered = new Promise<void>((resolve) => {
    finish = resolve
  })
  const late = latch()
  const url = await (frameworks[name] as (typeof frameworks)[string])(async () => {
    await answered
    late.done()
  })
  const answer = await seen(await order(`${url}/orders`, 'k'))
  finish()
  await late.isDone
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(answer.type).toBe('application/problem+json')
  expect(answer.status).toBeGreaterThanOrEqual(400)
  expect(errors).toEqual([])
})

function latch() {
  let done = () => {}
  const isDone = new Promise<void>((resolve) => {
    done = resolve
  })
  return { done, isDone }
}

it.each([200, 201, 204, 304])('a problem in the place of a %i has its body', async (status) => {
  const guard = idempotency(losing(['complete']), { scope: 'public' })
  const url = await serve((req: IncomingMessage, res) => guard(req, res, () => res.writeHead(status).end()))
  const answer = await seen(await order(url, 'k'))
  expect(answer.type).toBe('application/problem+json')
  expect(JSON.parse(answer.body)).toMatchObject({ status: answer.status })
})

it('a problem in the place of an answer has the headers from before the handler, and none of the handler', async () => {
  const guard = idempotency(losing(['complete']), { scope: 'public', replayHeaders: ['content-type'] })
  const url = await serve((req, res) => {
    res.setHeader('x-front', 'front').setHeader('vary', 'origin').setHeader('set-cookie', ['front=1', 'both=1'])
    guard(req, res, () => {
      res.setHeader('x-front', 'handler').removeHeader('vary')
      res.appendHeader('set-cookie', 'handler=1').setHeader('x-handler', '1').setHeader('location', '/made')
      res.writeHead(201, { 'content-encoding': 'gzip' }).end('made')
    })
  })
  const { status, headers } = await order(url, 'k')
  expect(status).toBe(409)
  expect(headers.getSetCookie()).toEqual(['front=1', 'both=1'])
  const told = ['x-front', 'vary', 'x-handler', 'location', 'content-encoding'].map((name) => headers.get(name))
  expect(told).toEqual(['front', 'origin', null, null, null])
})

/** Node 24 does not pipe into a response that is over, and says so at once. */
function allowRefusal(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ERR_STREAM_UNABLE_TO_PIPE') throw error
}

it.each<[string, (res: ServerResponse) => Promise<unknown>]>([
  ['waits for its client to read', async (res) => res.write('made') || once(res, 'drain')],
  ['asks when a part is out', (res) => new Promise((resolve) => res.write('made', resolve))],
  ['asks when the end is out', (res) => new Promise<void>((resolve) => res.end('made', resolve))],
  ['pipes', (res) => pipeline(Readable.from(['made ', 'in ', 'parts']), res).catch(allowRefusal)],
])('a handler that was answered for and %s goes on', async (_, late) => {
  const guard = idempotency(losing(['renew']), { scope: 'public' })
  const ended = latch()
  let answered = () => {}
  const handle = async (res: ServerResponse) => {
    await new Promise<void>((resolve) => {
      answered = resolve
    })
    await late(res)
    ended.done()
  }
  const url = await serve((req, res) => guard(req, res, () => void handle(res)))
  await (await order(url, 'k')).text()
  answered()
  await ended.isDone
})

it('a handler that waited for its end to be out when it was answered for goes on', async () => {
  const guard = idempotency(losing(['complete']), { scope: 'public' })
  const ended = latch()
  const url = await serve((req, res) => guard(req, res, () => res.end('made', ended.done)))
  expect((await order(url, 'k')).status).toBe(409)
  await ended.isDone
})
