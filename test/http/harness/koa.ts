import { createReadStream } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import Koa from 'koa'
import { idempotency, operationOf } from '../../../src/http/koa.ts'
import type { HttpHarness, HttpRoute, HttpServeSpec, WayTruth } from '../../../src/testing/index.ts'
import { listen, shut } from './listen.ts'
import { readAll } from './script.ts'

type Way = (ctx: Koa.Context, text: string) => unknown

const FILE = join(import.meta.dirname, 'sent.json')

const WAYS: Readonly<Record<string, readonly [WayTruth, Way]>> = {
  'a string': ['recorded', (ctx, text) => put(ctx, 201, text)],
  'a string of HTML': ['recorded', (ctx, text) => put(ctx, 200, `<p>${text}</p>`)],
  'a Buffer': ['recorded', (ctx, text) => put(ctx, 201, Buffer.from(text))],
  JSON: ['recorded', (ctx, text) => put(ctx, 202, { text })],
  null: ['recorded', (ctx) => put(ctx, undefined, null)],
  'a status alone': ['recorded', (ctx) => put(ctx, 202, undefined)],
  'a stream': ['recorded', (ctx, text) => put(ctx, 200, Readable.from([text, ' and more'], { objectMode: false }))],
  'a file': ['recorded', (ctx) => put(ctx, 200, createReadStream(FILE))],
  'a web stream': ['recorded', (ctx, text) => put(ctx, 200, new Blob([text]).stream())],
  'a Blob': ['recorded', (ctx, text) => put(ctx, 200, new Blob([text], { type: 'text/plain' }))],
  'a Response': ['recorded', (ctx, text) => put(ctx, undefined, new Response(text, { status: 203 }))],
  'ctx.redirect': ['recorded', (ctx) => ctx.redirect('/elsewhere')],
  'ctx.throw(422)': ['recorded', (ctx) => ctx.throw(422, 'not like this')],
  'nothing at all': ['recorded', () => undefined],
  'ctx.respond = false': [
    'recorded',
    (ctx, text) => {
      ctx.respond = false
      setTimeout(() => ctx.res.writeHead(201, { 'content-type': 'text/plain' }).end(text), 10)
    },
  ],
  'res.end before Koa answers': ['recorded', (ctx, text) => void ctx.res.end(text)],
  'a thrown error': [
    'released',
    () => {
      throw new Error('thrown on purpose')
    },
  ],
  'ctx.throw(503)': ['released', (ctx) => ctx.throw(503)],
  'a stream that fails at once': ['released', (ctx) => put(ctx, 200, createReadStream(`${FILE}.none`))],
  'an event stream': [
    'event-stream',
    (ctx) => {
      ctx.type = 'text/event-stream'
      put(ctx, 200, Readable.from(['data: one\n\n', 'data: two\n\n'], { objectMode: false }))
    },
  ],
  'more than is kept': ['too-long', (ctx) => put(ctx, 200, Buffer.alloc(300_000))],
}

function put(ctx: Koa.Context, status: number | undefined, body: unknown): void {
  if (status !== undefined) ctx.status = status
  if (body !== undefined) ctx.body = body
}

export interface KoaHarnessOptions {
  readonly json: 'before' | 'never'
}

export function koaHarness({ json }: KoaHarnessOptions): HttpHarness {
  async function serve({ once, options, routes }: HttpServeSpec) {
    const app = new Koa()
    app.on('error', () => {})
    const guard = idempotency<Koa.Context>(once, options)
    if (json === 'before') app.use(parseJson)
    app.use(guard)
    app.use(async (ctx, next) => {
      const route = routes.find(({ method, mount = '', path }) => method === ctx.method && mount + path === ctx.path)
      return route === undefined ? next() : handle(ctx, route)
    })
    const server = createServer(app.callback())
    return { url: await listen(server), close: () => shut(server), describe: guard.describe }
  }
  return { serve, ways: Object.fromEntries(Object.entries(WAYS).map(([name, [truth]]) => [name, truth])) }
}

async function handle(ctx: Koa.Context, route: HttpRoute): Promise<void> {
  const parsed: unknown = Reflect.get(ctx.request, 'body')
  const body = parsed === undefined ? await readAll(ctx.req) : Buffer.from(JSON.stringify(parsed))
  const script = await route.run({ body, op: operationOf(ctx) })
  if (route.way !== undefined) return void (await WAYS[route.way]?.[1](ctx, String(script.body)))
  ctx.status = script.status
  for (const [name, value] of script.headers ?? []) ctx.append(name, value)
  const answer = script.body ?? ''
  ctx.body =
    typeof answer === 'string' || answer instanceof Uint8Array
      ? Buffer.from(answer)
      : Readable.from(answer, { objectMode: false })
  // Koa gives a type of its own to bytes that have none.
  if (!script.headers?.some(([name]) => name === 'content-type')) ctx.remove('content-type')
}

/** What body parsers for Koa do. */
const parseJson: Koa.Middleware = async (ctx, next) => {
  if (ctx.is('json', '+json')) {
    const text = Buffer.from(await readAll(ctx.req)).toString()
    try {
      Object.assign(ctx.request, { body: JSON.parse(text) })
    } catch {
      ctx.throw(400, 'this is no JSON')
    }
  }
  return next()
}
