import type { ServerResponse } from 'node:http'
import type { HttpReply } from '../call.ts'

/** The headers of a reply, each name once, as Node takes them. */
export function fieldsOf({ headers }: Pick<HttpReply, 'headers'>): [name: string, value: string | string[]][] {
  const values = new Map<string, string[]>()
  for (const [name, value] of headers) values.set(name, [...(values.get(name) ?? []), value])
  return [...values].map(([name, all]) => [name, all.length === 1 ? (all[0] as string) : all])
}

/** RFC 9110 §8.6: no length where there is never a body. */
const BODILESS: ReadonlySet<number> = new Set([204, 304])

/** Sends a reply as it is, beside the headers that were set before. */
export function sendReply(res: ServerResponse, reply: HttpReply): void {
  for (const [name, value] of fieldsOf(reply)) res.setHeader(name, value)
  // Once it was removed, Node would not work it out again.
  if (reply.body !== undefined && !BODILESS.has(reply.status)) res.setHeader('content-length', reply.body.length)
  res.statusCode = reply.status
  res.end(reply.body)
}
