import { once as event } from 'node:events'
import { connect } from 'node:net'
import { serve as serveNode } from '@hono/node-server'
import { afterEach } from 'vitest'
import type { Once } from '../../src/core/once.ts'
import type { EngineOptions } from '../../src/core/options.ts'
import type { Store } from '../../src/core/store.ts'
import { onlyonce } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'

const leftovers: (() => unknown)[] = []

afterEach(async () => {
  for (const tidy of leftovers.splice(0).reverse()) await tidy()
})

export const later = (tidy: () => unknown) => void leftovers.push(tidy)

export function engine(options: Partial<EngineOptions> = {}): Once {
  const once = onlyonce({ store: memoryStore(), scope: 'test', ...options })
  later(() => once.close())
  return once
}

/** A real server on a free port; answers its URL. */
export async function serve(fetch: (request: Request) => Response | Promise<Response>): Promise<string> {
  const server = serveNode({ fetch, port: 0, hostname: '127.0.0.1' })
  await event(server, 'listening')
  later(() => {
    server.close()
    if ('closeAllConnections' in server) server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}

export const POST = (key: string, body: RequestInit['body'] = '{}', headers: Record<string, string> = {}) => ({
  method: 'POST',
  headers: { 'idempotency-key': key, 'content-type': 'application/json', ...headers },
  body,
})

export const request = (key: string, body?: RequestInit['body'], headers?: Record<string, string>) =>
  new Request('http://test/orders?dry=1', POST(key, body, headers))

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

export async function until(condition: () => unknown, ms = 5_000): Promise<void> {
  const deadline = Date.now() + ms
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('it did not come to pass in time')
    await sleep(2)
  }
}

/** A store that completes when it is told to. */
export function gated(store: Store): { store: Store; completing: () => number; open: () => void } {
  let open = () => {}
  let completing = 0
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const complete: Store['complete'] = async (completions) => {
    completing++
    await opened
    return store.complete(completions)
  }
  return { store: Object.assign(Object.create(store), { complete }) as Store, completing: () => completing, open }
}

/** A stream that is fed by hand. */
export function byHand(): {
  stream: ReadableStream<Uint8Array>
  write: (text: string) => void
  end: () => void
  fail: (error: Error) => void
  cancelled: () => boolean
} {
  let controller!: ReadableStreamDefaultController<Uint8Array>
  let cancelled = false
  const stream = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given
    },
    cancel() {
      cancelled = true
    },
  })
  return {
    stream,
    write: (text) => controller.enqueue(new TextEncoder().encode(text)),
    end: () => controller.close(),
    fail: (error) => controller.error(error),
    cancelled: () => cancelled,
  }
}

/** Sends bytes as they are and answers everything that came back until the server closed, or `ms` passed. */
export async function raw(url: string, text: string | Buffer, ms = 2_000): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let answer = ''
  socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
  socket.on('error', () => {})
  socket.write(text)
  await Promise.race([event(socket, 'close'), sleep(ms)])
  socket.destroy()
  return answer
}
