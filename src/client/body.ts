import { types } from 'node:util'
import { invalidKind } from '../core/option-rules.ts'

export interface BodyBytes {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** What `fetch` would have sent as content type. */
  readonly type: string | null
}

/**
 * Returns the bytes of a body. A form encoded twice would get two boundaries, and so be two payloads.
 * @throws `tooLong` when there are more than `maxBytes`; OPTION_INVALID for a stream of something else than bytes; the
 * reason of an aborted signal
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
      // As `fetch` does: text has no length in bytes, so that no limit would hold, and of an ArrayBuffer zeros would be sent.
      if (!types.isUint8Array(read.value)) {
        stop()
        throw invalidKind(
          'body',
          'must be a stream of Uint8Array, such as text through a TextEncoderStream',
          read.value,
        )
      }
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
