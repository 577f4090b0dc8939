import { OnlyonceError } from '../../core/errors.ts'
import type { HttpBody } from '../call.ts'

/**
 * Returns the bytes of a request. They are read from a clone, so that the handler gets the very same object with its
 * body unread. `undefined` when there are more than `maxBytes`.
 * @throws when the client stopped sending half-way; OnlyonceError OPTION_INVALID when the body was read before
 */
export async function bodyOf(request: Request, maxBytes: number): Promise<HttpBody | undefined> {
  // Locked: somebody has a reader and reads later.
  if (request.bodyUsed || request.body?.locked) throw wasRead()
  if (Number(request.headers.get('content-length')) > maxBytes) return undefined
  const { body } = request.clone()
  if (body === null) return { bytes: new Uint8Array(0) }
  const reader = body.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return { bytes: joined(chunks) }
    chunks.push(value)
    length += value.length
    if (length <= maxBytes) continue
    // Not awaited: it settles only when the request's own body is cancelled, too.
    void reader.cancel().catch(() => {})
    return undefined
  }
}

/** Joins the chunks; a single one is returned as it is. */
export function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const [first] = chunks
  if (chunks.length === 1 && first !== undefined) return first as Uint8Array<ArrayBuffer>
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

export function wasRead(): OnlyonceError {
  return new OnlyonceError(
    'OPTION_INVALID',
    'the body of the request was read before idempotency could compare it: put idempotency before what reads it, or give the option `fingerprint` a function',
  )
}
