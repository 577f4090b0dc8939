import type { HttpReply } from '../call.ts'

/** Statuses that have no body, and with which a `Response` refuses one. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304])

/** A reply as a response, on top of `base`: headers that others have set before. */
export function responseOf({ status, headers, body }: HttpReply, base?: Headers): Response {
  const all = new Headers(base)
  for (const name of new Set(headers.map(([one]) => one))) all.delete(name)
  for (const [name, value] of headers) all.append(name, value)
  // No bytes are no body: some servers name a type for any other.
  const bytes =
    body === undefined || body.length === 0 || BODILESS.has(status) ? null : (body as Uint8Array<ArrayBuffer>)
  return new Response(bytes, { status, headers: all })
}
