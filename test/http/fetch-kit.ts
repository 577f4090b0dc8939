import { once as event } from 'node:events'
import { connect } from 'node:net'
import { serve as serveNode } from '@hono/node-server'
import type { Once } from '../../src/core/once.ts'
import type { EngineOptions } from '../../src/core/options.ts'
import { systemRuntime } from '../../src/core/runtime.ts'
import type { Store } from '../../src/core/store.ts'
import { onlyonce } from '../../src/index.ts'
import { type MemoryStore, memoryStore } from '../../src/stores/memory/index.ts'
import { later } from '../support/leftovers.ts'

export { later } from '../support/leftovers.ts'

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

export async function until(condition: () => unknown, ms = 30_000): Promise<void> {
  const deadline = Date.now() + ms
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('it did not come to pass in time')
    await sleep(2)
  }
}

/** A store whose clock jumps when told, so that a lease is over when the test says so. */
export function jumping(): { store: MemoryStore; advance: (ms: number) => void } {
  let ahead = 0
  const store = memoryStore({ runtime: { ...systemRuntime, now: () => systemRuntime.now() + ahead } })
  return {
    store,
    advance(ms) {
      ahead += ms
    },
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

/** Sends bytes as they are and answers everything that came back until the server closed, or until it is `enough`. */
export async function raw(url: string, text: string | Buffer, enough?: RegExp): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let answer = ''
  let closed = false
  socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
  socket.on('error', () => {})
  socket.on('close', () => {
    closed = true
  })
  socket.write(text)
  await until(() => closed || enough?.test(answer))
  socket.destroy()
  return answer
}

/** What a duplicate is answered once the first request is no longer under way. */
export async function settled(ask: () => Promise<Response>): Promise<Response> {
  let answer = await ask()
  await until(async () => {
    if (answer.status === 409) answer = await ask()
    return answer.status !== 409
  })
  return answer
}
