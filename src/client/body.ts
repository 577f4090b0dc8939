export interface BodyBytes {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** What `fetch` would have sent as content type. */
  readonly type: string | null
}

/**
 * Returns the bytes of a body. A form encoded twice would get two boundaries, and so be two payloads.
 * @throws `tooLong` when there are more than `maxBytes`; the reason of an aborted signal
 */
export async function bytesOf(
  body: NonNullable<RequestInit['body']>,
  maxBytes: number,
  tooLong: () => Error,
  signals: readonly (AbortSignal | undefined)[] = [],
): Promise<BodyBytes> {
  // `Response` accepts every kind of body, async iterables included.
  const wrapped = new Response(body)
  const parts: Uint8Array[] = []
  let length = 0
  const reader = wrapped.body?.getReader()
  const ended = () => signals.find((signal) => signal?.aborted)
  const stop = () => void reader?.cancel(ended()?.reason).catch(() => {})
  for (const signal of signals) signal?.addEventListener('abort', stop, { once: true })
  try {
    for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
      length += read.value.byteLength
      if (length > maxBytes) {
        stop()
        throw tooLong()
      }
      parts.push(read.value)
    }
  } finally {
    for (const signal of signals) signal?.removeEventListener('abort', stop)
  }
  ended()?.throwIfAborted()
  return { bytes: joined(parts, length), type: wrapped.headers.get('content-type') }
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.byteLength
  }
  return bytes
}
