import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HttpReply } from '../../src/http/call.ts'

export interface Seen {
  readonly method: string
  readonly url: string
  readonly key: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

export interface TestServer {
  readonly origin: string
  readonly port: number
  /** Every request whose body arrived, in order. */
  readonly seen: readonly Seen[]
  readonly keys: readonly (string | undefined)[]
  /** As if nothing had been asked yet. */
  forget(): void
  close(): Promise<void>
}

/** Answers a request; `number` counts from 1. */
export type Answer = (response: ServerResponse, seen: Seen, number: number) => unknown

const servers = new Set<TestServer>()

export async function serve(answer: Answer): Promise<TestServer> {
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    try {
      for await (const part of request) parts.push(part)
    } catch {
      return
    }
    const { method = '', url = '', headers } = request
    const key = headers['idempotency-key']?.toString()
    const one = { method, url, key, headers, body: Buffer.concat(parts) }
    seen.push(one)
    await answer(response, one, seen.length)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const served: TestServer = {
    origin: `http://127.0.0.1:${port}`,
    port,
    seen,
    get keys() {
      return seen.map(({ key }) => key)
    },
    forget() {
      seen.length = 0
    },
    close() {
      servers.delete(served)
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  servers.add(served)
  return served
}

export async function closeServers(): Promise<void> {
  await Promise.all([...servers].map((server) => server.close()))
}

/** The given statuses in order, the last one for ever. */
export function statuses(...list: readonly number[]): Answer {
  return (response, _, number) => {
    response.writeHead(list[Math.min(number, list.length) - 1] ?? 200).end(`answer ${number}`)
  }
}

/** That reply to the first request, and 201 to all others. */
export function problems({ status, headers, body }: HttpReply): Answer {
  return (response, _, number) => {
    if (number > 1) return void response.writeHead(201).end()
    response.writeHead(status, Object.fromEntries(headers)).end(body)
  }
}

/** A port on which nobody listens. */
export async function closedOrigin(): Promise<string> {
  const server = await serve(() => {})
  await server.close()
  return server.origin
}

export const FAST = { backoffMs: 5, maxBackoffMs: 20 } as const
