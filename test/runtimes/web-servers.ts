import type { HttpConformanceOptions } from '../../src/testing/index.ts'
import type { WebAdapter, WebSite } from '../http/on-node.ts'

type Handler = WebSite['handler']
type Options = Pick<HttpConformanceOptions, 'serve' | 'ways' | 'skip'>

/** The part of each that is used here: the types of both runtimes cannot stand beside those of Node. */
interface Global {
  readonly Bun?: {
    serve(options: object): { readonly port: number; stop(now: boolean): Promise<void> }
  }
  readonly Deno?: {
    serve(options: object, handler: Handler): { readonly addr: { readonly port: number }; shutdown(): Promise<void> }
  }
}

/** As the runtime's own server serves it. */
export function onThisRuntime(adapter: WebAdapter): Options {
  const { Bun, Deno } = globalThis as Global
  if (Bun !== undefined) return served(adapter, onBun(Bun), NOT_ON_BUN)
  if (Deno !== undefined) return served(adapter, onDeno(Deno), NOT_ON_DENO)
  throw new Error('this is neither Bun nor Deno')
}

type Listen = (handler: Handler) => { readonly port: number; close(): Promise<void> }

const hostname = '127.0.0.1'
const failed = () => new Response('failed', { status: 500 })

const onBun =
  (bun: NonNullable<Global['Bun']>): Listen =>
  (handler) => {
    const server = bun.serve({ port: 0, hostname, fetch: (request: Request) => handler(request), error: failed })
    return { port: server.port, close: () => server.stop(true) }
  }

const onDeno =
  (deno: NonNullable<Global['Deno']>): Listen =>
  (handler) => {
    // Not `shutdown`, which waits for connections that clients keep.
    const stop = new AbortController()
    const options = { port: 0, hostname, onListen() {}, onError: failed, signal: stop.signal }
    const server = deno.serve(options, (request) => handler(request))
    return { port: server.addr.port, close: async () => stop.abort() }
  }

interface LeftOut {
  readonly cases: Readonly<Record<string, string>>
  readonly ways: readonly string[]
}

// Each was seen with a server of a few lines, without onlyonce.
const NOT_ON_BUN: LeftOut = {
  cases: {
    'pipelined requests on one connection are answered in their order': 'Bun.serve never answers pipelined requests',
  },
  // Bytes without a content type are given one, `application/octet-stream`, and streams are not. A replay is bytes.
  ways: ['a slow stream', 'stream'],
}
const NOT_ON_DENO: LeftOut = {
  cases: {
    'every status is given again as it was, those without a body and those with a place to go included':
      'Deno.serve sends 205 without a length, so that its client waits for a body',
  },
  ways: [],
}

function served({ ways, site }: WebAdapter, listen: Listen, leftOut: LeftOut): Options {
  return {
    ways: Object.fromEntries(Object.entries(ways).filter(([way]) => !leftOut.ways.includes(way))),
    skip: leftOut.cases,
    async serve(spec) {
      const { handler, describe } = site(spec)
      const { port, close } = listen(handler)
      return { url: `http://${hostname}:${port}`, close, describe }
    },
  }
}
