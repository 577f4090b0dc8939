import { type Context, Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { stream, streamSSE, streamText } from 'hono/streaming'
import { idempotency, operationOf } from '../../src/http/hono.ts'
import type { HttpServeSpec, WayTruth } from '../../src/testing/index.ts'
import { responseOf } from './fetch-site.ts'
import type { WebAdapter, WebSite } from './on-node.ts'

type Way = (c: Context, text: string) => Response | Promise<Response>

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

const WAYS: Readonly<Record<string, readonly [WayTruth, Way]>> = {
  'c.json': ['recorded', (c, text) => c.json({ text }, 201)],
  'c.text': ['recorded', (c, text) => c.text(text)],
  'c.html': ['recorded', (c, text) => c.html(text)],
  'c.body of bytes': ['recorded', (c, text) => c.body(new TextEncoder().encode(text), 202)],
  'c.body of nothing': ['recorded', (c) => c.body(null, 204)],
  'c.newResponse': ['recorded', (c, text) => c.newResponse(text, 201, { location: '/x' })],
  'c.redirect': ['recorded', (c) => c.redirect('/elsewhere', 303)],
  'c.notFound': ['recorded', (c) => c.notFound()],
  'c.res': [
    'recorded',
    (c, text) => {
      c.res = new Response(text)
      return c.res
    },
  ],
  'a Response': ['recorded', (_, text) => new Response(text)],
  'an answer after a while': ['recorded', (c, text) => pause(20).then(() => c.text(text))],
  stream: [
    'recorded',
    (c, text) =>
      stream(c, async (out) => {
        await out.write(text)
        await pause(15)
        await out.write(' and more')
      }),
  ],
  streamText: [
    'recorded',
    (c, text) =>
      streamText(c, async (out) => {
        await out.writeln(text)
        await out.sleep(15)
        await out.write('more')
      }),
  ],
  'an HTTPException of 422': [
    'recorded',
    () => {
      throw new HTTPException(422, { message: 'no' })
    },
  ],
  'an HTTPException of 503': [
    'released',
    () => {
      throw new HTTPException(503, { message: 'later' })
    },
  ],
  'a thrown error': [
    'released',
    () => {
      throw new Error('thrown on purpose')
    },
  ],
  streamSSE: ['event-stream', (c, text) => streamSSE(c, (out) => out.writeSSE({ data: text }))],
  'more than is kept': ['too-long', (c) => c.body('x'.repeat(300_000))],
}

export function honoAdapter({ json = false } = {}): WebAdapter {
  function site({ once, options, routes }: HttpServeSpec): WebSite {
    const app = new Hono()
    app.onError((error, c) => (error instanceof HTTPException ? error.getResponse() : c.text('failed', 500)))
    const guard = idempotency(once, options)
    for (const { mount = '/' } of routes) {
      const part = new Hono()
      if (json) {
        part.use(async (c, next) => {
          await c.req.text()
          await next()
        })
      }
      part.use(guard)
      for (const route of routes.filter(({ mount: own = '/' }) => own === mount)) {
        part.on(route.method, route.path, async (c) => {
          const script = await route.run({ body: new Uint8Array(await c.req.arrayBuffer()), op: operationOf(c) })
          return route.way === undefined
            ? responseOf(script)
            : (WAYS[route.way]?.[1](c, String(script.body)) as Response)
        })
      }
      app.route(mount, part)
    }
    return { handler: (request) => app.fetch(request), describe: guard.describe }
  }
  return { site, ways: Object.fromEntries(Object.entries(WAYS).map(([name, [truth]]) => [name, truth])) }
}
