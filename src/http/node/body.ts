import type { IncomingMessage } from 'node:http'
import type { HttpBody } from '../call.ts'

/** What a framework's parser may have left on its request. */
export interface ParsedRequest {
  readonly body?: unknown
}

/**
 * The body of a request: parsed, where a parser was here before; else its bytes, which are put back for whoever reads
 * them next. `undefined` when there are more than `maxBytes`.
 * @throws when the client stopped sending half-way
 */
export async function bodyOf(
  message: IncomingMessage,
  parsed: ParsedRequest,
  maxBytes: number,
): Promise<HttpBody | undefined> {
  if (Number(message.headers['content-length']) > maxBytes) return undefined
  if (wasRead(message) || parsed.body instanceof Uint8Array) return { parsed: parsed.body }
  // Nothing that is put back into it would ever be read.
  if (isGone(message)) throw stoppedSending()
  const bytes = await peek(message, maxBytes)
  return bytes === undefined ? undefined : { bytes }
}

export function wasRead(message: IncomingMessage): boolean {
  return message.readableEnded || (message.readableDidRead && message.readableLength === 0)
}

/** Whether its client left before all of it was read. Of HTTP/2 one that was reset half-way looks as if it had ended. */
export function isGone(message: IncomingMessage): boolean {
  return !message.readableEnded && (message.destroyed || message.aborted)
}

function stoppedSending(): Error {
  return new Error('the client stopped sending its request half-way, or left before it was read')
}

/** A request of HTTP/2 says `complete` only when its end was emitted, and then nothing can be put back. */
function isWhole(message: IncomingMessage): boolean {
  const { _readableState: state } = message as unknown as { readonly _readableState?: { readonly ended?: boolean } }
  return message.complete || state?.ended === true
}

/**
 * Reads everything and puts it back before anybody could see the end: `unshift` is allowed until `end` was emitted,
 * which happens a tick after the last byte was read.
 */
function peek(message: IncomingMessage, maxBytes: number): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const done = (settle: () => void) => {
      message.off('readable', read)
      message.off('close', cut)
      message.off('error', cut)
      settle()
    }
    const cut = () => done(() => reject(stoppedSending()))
    function read() {
      if (isGone(message)) return cut()
      while (message.readableLength > 0) {
        const chunk = message.read() as Buffer | string
        const bytes = typeof chunk === 'string' ? Buffer.from(chunk, message.readableEncoding ?? 'utf8') : chunk
        chunks.push(bytes)
        length += bytes.length
      }
      if (length <= maxBytes && !isWhole(message)) {
        // Asks for more; with nothing there it reads nothing.
        message.read(0)
        return
      }
      const whole = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
      if (length > 0) message.unshift(whole)
      done(() => resolve(length > maxBytes ? undefined : whole))
    }
    message.on('readable', read)
    message.on('close', cut)
    message.on('error', cut)
    if (isWhole(message) || message.readableLength > 0) read()
  })
}
