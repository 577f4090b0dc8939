import { createServer } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import express from 'express'
import express4 from 'express4'
import { idempotency, operationOf } from '../../../src/http/express.ts'
import type { HttpHarness, HttpRoute, HttpServeSpec, WayTruth } from '../../../src/testing/index.ts'
import { listen, shut } from './listen.ts'
import { bytesOf, readAll, sendScript } from './script.ts'

type Handler = express.RequestHandler
type Way = (res: express.Response, next: express.NextFunction, text: string) => unknown

const FILE = join(import.meta.dirname, 'sent.json')

const WAYS: Readonly<Record<string, readonly [WayTruth, Way]>> = {
  'res.json': ['recorded', (res, _next, text) => res.status(201).json({ text })],
  'res.jsonp': ['recorded', (res, _next, text) => res.jsonp({ text })],
  'res.send of a string': ['recorded', (res, _next, text) => res.status(201).send(text)],
  'res.send of a Buffer': ['recorded', (res, _next, text) => res.status(202).send(Buffer.from(text))],
  'res.send of an object': ['recorded', (res, _next, text) => res.send({ text })],
  'res.sendStatus': ['recorded', (res) => res.sendStatus(202)],
  'res.end': ['recorded', (res) => res.status(204).end()],
  'res.end with a body and an encoding': ['recorded', (res) => res.end('c3a9', 'hex')],
  'res.write and res.end': [
    'recorded',
    (res, _next, text) => {
      res.type('txt').write('first ')
      res.write(Buffer.from('then '), () => res.end(text))
    },
  ],
  'res.write as a client that waits for drain': ['recorded', (res, _next, text) => writeLots(res, text)],
  'res.writeHead and res.end': [
    'recorded',
    (res, _next, text) => res.writeHead(201, 'Made', { 'Content-Type': 'text/plain', Location: '/x' }).end(text),
  ],
  'a stream that is piped': ['recorded', (res, _next, text) => Readable.from([text, ' and more']).pipe(res)],
  'res.sendFile': ['recorded', (res) => res.sendFile(FILE)],
  'res.download': ['recorded', (res) => res.download(FILE, 'name.json')],
  'res.redirect': ['recorded', (res) => res.redirect(303, '/elsewhere')],
  'res.format': ['recorded', (res, _next, text) => res.format({ json: () => res.json({ text }) })],
  'an answer after the handler returned': ['recorded', (res, _next, text) => void setTimeout(() => res.send(text), 20)],
  'next(), which no route answers': ['recorded', (_res, next) => next()],
  'an error of the client': ['recorded', (_res, next) => next(Object.assign(new Error('no'), { status: 422 }))],
  'a thrown error': [
    'released',
    () => {
      throw new Error('thrown on purpose')
    },
  ],
  'next(error)': ['released', (_res, next) => next(new Error('passed on purpose'))],
  'an error half-way': [
    'released',
    (res, next) => {
      res.write('half of ')
      setTimeout(() => next(new Error('half-way on purpose')), 10)
    },
  ],
  'res.destroy': ['released', (res) => res.destroy()],
  'res.socket.destroy': [
    'released',
    (res) => {
      res.write('half of ')
      setTimeout(() => res.socket?.destroy(), 10)
    },
  ],
  'an event stream': ['event-stream', (res) => eventStream(res)],
  'more than is kept': ['too-long', (res) => res.send(Buffer.alloc(300_000))],
}

function writeLots(res: express.Response, text: string): void {
  const parts = Array.from({ length: 50 }, () => 'x'.repeat(4_000))
  const more = () => {
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      if (!res.write(part)) return void res.once('drain', more)
    }
    res.end(text)
  }
  more()
}

function eventStream(res: express.Response): void {
  res.writeHead(200, { 'content-type': 'text/event-stream' })
  res.write('data: one\n\n')
  setTimeout(() => res.end('data: two\n\n'), 20)
}

export interface ExpressHarnessOptions {
  readonly version: 4 | 5
  /** Where the body is parsed: before the guard, behind it, or by the handler itself. */
  readonly json: 'before' | 'after' | 'never'
  /** More middleware in front of the guard. */
  readonly before?: readonly Handler[]
  /** More middleware between the guard and the handlers. */
  readonly after?: readonly Handler[]
}

export function expressHarness({ version, json, before = [], after = [] }: ExpressHarnessOptions): HttpHarness {
  const make = version === 4 ? (express4 as typeof express) : express
  const parser = make.json({ type: ['application/json', '*/*+json'], limit: '5mb', strict: false }) as Handler

  async function serve({ once, options, routes }: HttpServeSpec) {
    const app = make().disable('x-powered-by').set('env', 'test')
    const guard = idempotency<express.Request>(once, options)
    const chain = [
      ...before,
      ...(json === 'before' ? [parser] : []),
      guard,
      ...after,
      ...(json === 'after' ? [parser] : []),
    ]
    // The routes without a mount come last: their router sees every request that gets as far.
    for (const mount of [...new Set(routes.map(({ mount = '/' }) => mount))].sort().reverse()) {
      const router = make.Router().use(chain)
      for (const route of routes.filter(({ mount: own = '/' }) => own === mount)) {
        router[route.method.toLowerCase() as 'post'](route.path, handlerOf(route))
      }
      app.use(mount, router)
    }
    app.use(((_error, req, res, next) => {
      if (res.headersSent) return next(_error)
      const status = Number(Object(_error).status ?? 500)
      res.status(status).json({ error: status < 500 ? String(_error) : `failed: ${req.path}` })
    }) satisfies express.ErrorRequestHandler)
    const server = createServer(app)
    return { url: await listen(server), close: () => shut(server), describe: guard.describe }
  }

  return { serve, ways: Object.fromEntries(Object.entries(WAYS).map(([name, [truth]]) => [name, truth])) }
}

function handlerOf(route: HttpRoute): Handler {
  return (req, res, next) => {
    const answer = async () => {
      const body = req.body === undefined || isEmpty(req) ? await readAll(req) : bytesOf(req.body)
      const script = await route.run({ body, op: operationOf(req) })
      if (route.way === undefined) return sendScript(res, script)
      await WAYS[route.way]?.[1](res, next, String(script.body))
    }
    answer().catch(next)
  }
}

/** Express 4's parser leaves an empty object where it had nothing to parse. */
function isEmpty(req: express.Request): boolean {
  return !req.readableEnded && Object.keys(req.body ?? {}).length === 0
}
