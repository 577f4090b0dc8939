import type { ServerResponse } from 'node:http'
import type { HttpReply } from '../call.ts'

/** Sends a reply as it is, beside the headers that were set before. */
export function sendReply(res: ServerResponse, { status, headers, body }: HttpReply): void {
  const values = new Map<string, string[]>()
  for (const [name, value] of headers) values.set(name, [...(values.get(name) ?? []), value])
  for (const [name, all] of values) res.setHeader(name, all.length === 1 ? (all[0] as string) : all)
  res.statusCode = status
  res.end(body)
}
