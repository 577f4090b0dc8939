import type { ServerResponse } from 'node:http'
import type { HttpReply } from '../call.ts'

/** The headers of a reply, each name once, as Node takes them. */
export function fieldsOf({ headers }: Pick<HttpReply, 'headers'>): [name: string, value: string | string[]][] {
  const fields: [name: string, value: string | string[]][] = []
  for (const [name, value] of headers) {
    const known = fields.find(([one]) => one === name)
    if (known === undefined) fields.push([name, value])
    else if (typeof known[1] === 'string') known[1] = [known[1], value]
    else known[1].push(value)
  }
  return fields
}

/** Statuses that never have a body, and so no length (RFC 9110 §8.6). */
const BODILESS: ReadonlySet<number> = new Set([204, 304])

/** Sends a reply in addition to the headers that were set before. */
export function sendReply(res: ServerResponse, reply: HttpReply): void {
  for (const [name, value] of fieldsOf(reply)) res.setHeader(name, value)
  // Node does not compute it once the header was removed.
  if (reply.body !== undefined && !BODILESS.has(reply.status)) res.setHeader('content-length', reply.body.length)
  res.statusCode = reply.status
  res.end(reply.body)
}
