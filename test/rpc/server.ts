import { createServer, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { Client, ConnectRouter, HandlerContext, Interceptor, Transport } from '@connectrpc/connect'
import { createClient } from '@connectrpc/connect'
import {
  compressionGzip,
  connectNodeAdapter,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node'
import type { EngineOptions } from '../../src/core/options.ts'
import { onlyonce } from '../../src/index.ts'
import { idempotency, type RpcIdempotencyOptions } from '../../src/rpc/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { type Order, type ReceiptSchema, Shop } from './shop.ts'

type Answer = MessageInitShape<typeof ReceiptSchema>
export type Handler = (order: Order, context: HandlerContext) => Promise<Answer> | Answer

export const PROTOCOLS = ['connect', 'connect+json', 'grpc', 'grpc-web'] as const
export type Protocol = (typeof PROTOCOLS)[number]

const closing = new Set<() => Promise<void> | void>()

export async function closeAll(): Promise<void> {
  // Clients before servers: one that is told to go away while it is idle throws where nobody catches it.
  const all = [...closing].reverse()
  closing.clear()
  for (const close of all) await close()
}

export interface ShopServer {
  readonly port: number
  /** How often each method ran. */
  readonly runs: Record<string, number>
  close(): Promise<void>
}

/** A real server over HTTP/2 without TLS; the interceptors see every call. */
export async function serveShop(handler: Handler, interceptors: readonly Interceptor[]): Promise<ShopServer> {
  const runs: Record<string, number> = {}
  const count = (order: Order, context: HandlerContext) => {
    runs[context.method.name] = (runs[context.method.name] ?? 0) + 1
    return handler(order, context)
  }
  const routes = (router: ConnectRouter) =>
    router.service(Shop, {
      place: count,
      read: count,
      put: count,
      async *watch(order, context) {
        yield await count(order, context)
      },
    })
  const server = createServer(connectNodeAdapter({ routes, interceptors: [...interceptors] }))
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => {}).on('close', () => sessions.delete(session))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    closing.delete(close)
    for (const session of sessions) session.destroy()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  }
  closing.add(close)
  return { port: (server.address() as AddressInfo).port, runs, close }
}

export interface ClientOptions {
  readonly interceptors?: readonly Interceptor[]
  /** Ask for every message to be compressed. */
  readonly gzip?: boolean
}

export function shopClient(port: number, protocol: Protocol, options: ClientOptions = {}): Client<typeof Shop> {
  const baseUrl = `http://127.0.0.1:${port}`
  const sessionManager = new Http2SessionManager(baseUrl)
  closing.add(() => sessionManager.abort())
  const common = {
    ...{ baseUrl, sessionManager, httpVersion: '2' as const, interceptors: [...(options.interceptors ?? [])] },
    ...(options.gzip ? { sendCompression: compressionGzip, compressMinBytes: 0 } : {}),
  }
  const transports: Record<Protocol, () => Transport> = {
    connect: () => createConnectTransport({ ...common, useBinaryFormat: true }),
    'connect+json': () => createConnectTransport({ ...common, useBinaryFormat: false }),
    grpc: () => createGrpcTransport(common),
    'grpc-web': () => createGrpcWebTransport(common),
  }
  return createClient(Shop, transports[protocol]())
}

export interface Guarded extends ShopServer {
  readonly once: ReturnType<typeof onlyonce>
}

/** A guarded shop over a memory store. */
export async function guardedShop(
  handler: Handler,
  options: Partial<RpcIdempotencyOptions> = {},
  engine: Partial<EngineOptions> = {},
): Promise<Guarded> {
  const once = onlyonce({ store: memoryStore(), scope: 'shop', ...engine })
  return { ...(await serveShop(handler, [idempotency(once, { scope: 'public', ...options })])), once }
}

/** Every answer numbered by the runs of the handler. */
export function numbered(): Handler {
  let number = 0
  return ({ id, amount }) => ({ number: ++number, text: `${id} for ${amount}` })
}

export const keyed = (key: string, more: Record<string, string> = {}) => ({
  headers: { 'idempotency-key': key, ...more },
})
