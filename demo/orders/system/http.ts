import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Reply {
  readonly status: number
  readonly body: unknown
}

export interface Ask {
  readonly port: number
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body: unknown
  /** The caller hangs up after this time. */
  readonly timeoutMs: number
}

/** It is unknown whether the request was carried out: it timed out, or the connection broke. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
  /** False only if the request certainly never arrived, because nobody listened. */
  readonly arrived: boolean

  constructor(message: string, arrived: boolean) {
    super(message)
    this.arrived = arrived
  }
}

// Unlimited: the caller decides how many requests run concurrently.
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, scheduling: 'lifo' })

/** @throws NoAnswer */
export function post({ port, path, headers, body, timeoutMs }: Ask): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const bytes = Buffer.from(JSON.stringify(body))
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method: 'POST',
        agent,
        headers: { 'content-type': 'application/json', 'content-length': bytes.length, ...headers },
      },
      (answer) => {
        readJson(answer).then((body) => end(() => resolve({ status: answer.statusCode ?? 0, body })), broken)
      },
    )
    const timer = setTimeout(() => {
      end(() => reject(new NoAnswer(`no answer within ${timeoutMs} ms`, true)))
      sent.destroy()
    }, timeoutMs)
    const end = (tell: () => void) => {
      clearTimeout(timer)
      tell()
    }
    const broken = (error: NodeJS.ErrnoException) =>
      end(() => reject(new NoAnswer(error.message, error.code !== 'ECONNREFUSED')))
    sent.on('error', broken)
    sent.end(bytes)
  })
}

export type Handler = (body: unknown, request: IncomingMessage) => Promise<Reply>
/** Runs before a handler, and decides whether it is called. */
export type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void

/** Serves `POST path` on a free port of the loopback interface; returns the port. */
export function serve(path: string, handler: Handler, middleware?: Middleware): Promise<number> {
  function handle(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const answer = ({ status, body }: Reply) => {
      const bytes = Buffer.from(JSON.stringify(body))
      outgoing.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length })
      outgoing.end(bytes)
    }
    if (incoming.method !== 'POST' || incoming.url !== path) {
      answer({ status: 404, body: { error: `there is only POST ${path}` } })
      return
    }
    readJson(incoming)
      .then((body) => handler(body, incoming))
      .then(answer, (error: Error) => answer({ status: 500, body: { error: error.message } }))
  }
  const server = createServer((incoming, outgoing) => {
    if (middleware === undefined) handle(incoming, outgoing)
    else middleware(incoming, outgoing, () => handle(incoming, outgoing))
  })
  // If the server closed a kept-alive connection just as a request is sent, it would look like an injected fault.
  server.keepAliveTimeout = 60_000
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.listen(0, '127.0.0.1', 1024, () => resolve((server.address() as AddressInfo).port))
  })
}

/** By events: iterating over a stream costs several times as much, and there are tens of thousands. */
function readJson(stream: IncomingMessage): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', reject)
    stream.on('aborted', () => reject(new Error('the connection broke')))
    stream.on('end', () => {
      try {
        resolve(JSON.parse(Buffer.concat(chunks).toString()))
      } catch (error) {
        reject(error)
      }
    })
  })
}
