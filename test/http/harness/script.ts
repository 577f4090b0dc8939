import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { HttpScript } from '../../../src/testing/index.ts'

/** Sends a script on Node's own response, as a handler would that knows no framework. */
export async function sendScript(res: ServerResponse, { status, headers = [], body }: HttpScript): Promise<void> {
  res.statusCode = status
  for (const [name, value] of headers) res.appendHeader(name, value)
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) res.end(body)
  // A source that fails destroys the response; the client sees that, and there is nobody else to tell.
  else await pipeline(Readable.from(body, { objectMode: false }), res).catch(() => {})
}

/** Everything a client sent, for a handler without a parser. */
export async function readAll(req: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** What a parser left, as bytes again. */
export function bytesOf(parsed: unknown): Uint8Array {
  if (parsed instanceof Uint8Array) return parsed
  if (typeof parsed === 'string') return Buffer.from(parsed)
  return Buffer.from(parsed === undefined ? '' : JSON.stringify(parsed))
}
