import { idempotency, operationOf } from '../../src/http/fetch.ts'
import type { HttpScript, HttpServeSpec, WayTruth } from '../../src/testing/index.ts'
import type { WebAdapter, WebSite } from './on-node.ts'

type Way = (text: string) => Response | Promise<Response>

const bytes = (text: string) => new TextEncoder().encode(text)
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

const WAYS: Readonly<Record<string, readonly [WayTruth, Way]>> = {
  'Response.json': ['recorded', (text) => Response.json({ text }, { status: 201 })],
  'a Response of a string': ['recorded', (text) => new Response(text)],
  'a Response of bytes': ['recorded', (text) => new Response(bytes(text), { status: 202 })],
  'a Response of a Blob': ['recorded', (text) => new Response(new Blob([text], { type: 'text/x' }))],
  'a Response of a form': ['recorded', (text) => new Response(new URLSearchParams({ text }))],
  'a Response of nothing': ['recorded', () => new Response(null, { status: 204 })],
  'a Response of an empty string': ['recorded', () => new Response('')],
  'Response.redirect': ['recorded', () => Response.redirect('http://elsewhere.example/', 303)],
  'a stream': ['recorded', (text) => new Response(streamOf([text, ' and more'], 0))],
  'a slow stream': ['recorded', (text) => new Response(streamOf([text, ' and', ' more'], 15))],
  'an answer after a while': ['recorded', (text) => pause(20).then(() => new Response(text))],
  'a clone': ['recorded', (text) => new Response(text).clone()],
  'a thrown error': [
    'released',
    () => {
      throw new Error('thrown on purpose')
    },
  ],
  'a stream that breaks at once': ['released', () => new Response(streamOf([new Error('at once on purpose')], 0))],
  'a stream that breaks half-way': ['released', (text) => new Response(streamOf([text, new Error('on purpose')], 15))],
  'an event stream': [
    'event-stream',
    () =>
      new Response(streamOf(['data: one\n\n', 'data: two\n\n'], 15), {
        headers: { 'content-type': 'text/event-stream' },
      }),
  ],
  'more than is kept': ['too-long', () => new Response(new Uint8Array(300_000))],
}

function streamOf(parts: readonly (string | Error)[], ms: number): ReadableStream<Uint8Array> {
  const left = [...parts]
  return new ReadableStream({
    async pull(controller) {
      if (ms > 0) await pause(ms)
      const part = left.shift()
      if (part instanceof Error) controller.error(part)
      else if (part === undefined) controller.close()
      else controller.enqueue(bytes(part))
    },
  })
}

/** A script as a web response. */
export function responseOf({ status, headers = [], body }: HttpScript): Response {
  const init = { status, headers: headers.map(([name, value]): [string, string] => [name, value]) }
  if (body === undefined || [204, 205, 304].includes(status)) return new Response(null, init)
  if (typeof body === 'string') return new Response(bytes(body), init)
  if (body instanceof Uint8Array) return new Response(new Uint8Array(body), init)
  const parts = body[Symbol.asyncIterator]()
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await parts.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: () => void parts.return?.(),
  })
  return new Response(stream, init)
}

function site({ once, options, routes }: HttpServeSpec): WebSite {
  const wrap = idempotency(once, options)
  const handler = wrap(async (request) => {
    const { pathname } = new URL(request.url)
    const route = routes.find(({ method, mount = '', path }) => method === request.method && mount + path === pathname)
    if (route === undefined) return new Response('nothing here', { status: 404 })
    const script = await route.run({ body: new Uint8Array(await request.arrayBuffer()), op: operationOf(request) })
    return route.way === undefined ? responseOf(script) : (WAYS[route.way]?.[1](String(script.body)) as Response)
  })
  return { handler: (request) => handler(request), describe: wrap.describe }
}

export const fetchAdapter: WebAdapter = {
  ways: Object.fromEntries(Object.entries(WAYS).map(([name, [truth]]) => [name, truth])),
  site,
}
