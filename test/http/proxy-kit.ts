import { once as event } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { EngineOptions } from '../../src/core/options.ts'
import { type ProxyOptions, type RunningProxy, startProxy } from '../../src/http/proxy/server.ts'
import { engine, later } from './fetch-kit.ts'

export { engine, jumping, later, POST, raw, sleep, until } from './fetch-kit.ts'

export interface Upstream {
  readonly url: string
  readonly server: Server
  /** What arrived, in order. */
  readonly seen: IncomingMessage[]
}

/** A real upstream on a free port. */
export async function upstreamOf(handler: RequestListener): Promise<Upstream> {
  const seen: IncomingMessage[] = []
  const server = createServer((req, res) => {
    seen.push(req)
    handler(req, res)
  })
  return { url: await listen(server), server, seen }
}

export async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await event(server, 'listening')
  later(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** An upstream that tells in its body how often it was asked. */
export const counting = (status = 201): Promise<Upstream> => {
  let runs = 0
  return upstreamOf((req, res) => {
    req
      .resume()
      .on('end', () => res.writeHead(status, { 'content-type': 'application/json' }).end(`{"runs":${++runs}}`))
  })
}

export async function proxyTo(
  upstream: string,
  { store, ...options }: Partial<ProxyOptions> & Pick<Partial<EngineOptions>, 'store'> = {},
): Promise<RunningProxy> {
  const once = engine(store === undefined ? {} : { store })
  const proxy = await startProxy(once, { upstream, listen: { port: 0 }, scope: 'public', ...options })
  later(() => proxy.close(100))
  return proxy
}

export async function bodyOf(req: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

export const reply = (res: ServerResponse, status: number, text = '', headers = {}) =>
  void res.writeHead(status, headers).end(text)
