import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Runtime } from '../../core/runtime.ts'
import type { HttpReply } from '../call.ts'
import { endToEnd, type Fields } from './fields.ts'
import { proxyProblem } from './problems.ts'
import type { Upstream } from './upstream.ts'

export function isWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.trim().toLowerCase() === 'websocket'
}

/**
 * Hands a request back to the server without its `Upgrade`, which may be ignored (RFC 9110 §7.8) and which Java clients
 * send with every request. With an `upgrade` listener, Node treats all such requests as upgrades.
 */
export function again(server: Server, req: IncomingMessage, socket: Duplex, head: Buffer): void {
  const { method, url, httpVersion, rawHeaders } = req
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name, value] = [rawHeaders[at] as string, rawHeaders[at + 1] as string]
    const lower = name.toLowerCase()
    if (lower === 'upgrade' || lower === 'http2-settings') continue
    lines.push(`${name}: ${lower === 'connection' ? withoutUpgrade(value) : value}`)
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit('connection', socket)
}

function withoutUpgrade(connection: string): string {
  return connection
    .split(',')
    .map((token) => token.trim())
    .filter((token) => !/^(?:upgrade|http2-settings)$/i.test(token))
    .join(', ')
}

/** Connects client and upstream. After the upstream's first answer their data passes unread. */
export function tunnel(
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { upstream, runtime, target }: { upstream: Upstream; runtime: Runtime; target: string },
): void {
  const asked = upstream.ask(req, target, undefined, (fields) => {
    fields.Connection = 'Upgrade'
    fields.Upgrade = 'websocket'
  })
  let cancel = runtime.after(upstream.timeoutMs, () => end())
  const end = () => {
    cancel()
    asked.destroy()
    socket.destroy()
  }
  socket.on('error', end)
  socket.on('close', end)
  asked.on('error', () => refuse(socket, proxyProblem('unreachable')))
  asked.on('upgrade', (answer: IncomingMessage, other: Duplex, first: Buffer) => {
    other.on('error', end)
    other.on('close', () => {
      if (!other.readableEnded || socket.destroyed) return end()
      // The pipe has ended the connection to the client, who may still have to read the last of it.
      cancel = runtime.after(upstream.timeoutMs, end)
      socket.resume()
    })
    cancel()
    socket.write(headOf(answer, { ...endToEnd(answer), Connection: 'Upgrade', Upgrade: answer.headers.upgrade ?? '' }))
    if (first.length > 0) other.unshift(first)
    if (head.length > 0) socket.unshift(head)
    other.pipe(socket)
    socket.pipe(other)
  })
  asked.on('response', (answer: IncomingMessage) => {
    cancel()
    socket.write(headOf(answer, { ...endToEnd(answer), Connection: 'close' }))
    answer.on('close', () => socket.end())
    answer.pipe(socket)
  })
  asked.end()
}

/** Writes a reply to a bare connection, and ends it. */
export function refuse(socket: Duplex, { status, headers, body = new Uint8Array(0) }: HttpReply): void {
  if (socket.destroyed) return
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.write(`HTTP/1.1 ${status} Refused\r\n${lines}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`)
  socket.end(body)
}

function headOf({ statusCode, statusMessage }: IncomingMessage, fields: Fields): Buffer {
  const lines = Object.entries(fields).flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}\r\n`))
  return Buffer.from(`HTTP/1.1 ${statusCode} ${statusMessage}\r\n${lines.join('')}\r\n`, 'latin1')
}
