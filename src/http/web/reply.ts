import type { HttpReply } from '../call.ts'

/** Statuses without a body: `Response` throws when it is given one. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304])

/** Converts a reply to a response. `base`: headers that were set before; those of the reply replace them. */
export function responseOf({ status, headers, body }: HttpReply, base?: Headers): Response {
  const all = new Headers(base)
  for (const name of new Set(headers.map(([one]) => one))) all.delete(name)
  for (const [name, value] of headers) all.append(name, value)
  // An empty body becomes `null`: some servers add a content type to any other.
  const bytes =
    body === undefined || body.length === 0 || BODILESS.has(status) ? null : (body as Uint8Array<ArrayBuffer>)
  return new Response(bytes, { status, headers: all })
}
