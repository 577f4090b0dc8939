import type { IncomingMessage } from 'node:http'
import type { HttpBody } from '../call.ts'
import { wasRead as bodyWasRead } from '../web/body.ts'

/** What a framework's parser may have left on its request. */
export interface ParsedRequest {
  readonly body?: unknown
  /** Uploaded files, if the parser keeps them apart from the fields. */
  readonly file?: unknown
  readonly files?: unknown
}

/**
 * Returns the body of a request: the parsed value if a parser has read it; otherwise its bytes, which are put back for
 * the next reader. `undefined` when there are more than `maxBytes`.
 * @throws Error when the client stopped sending half-way; OnlyonceError OPTION_INVALID when `body` lacks what was read
 */
export function bodyOf(
  message: IncomingMessage,
  parsed: ParsedRequest,
  maxBytes: number,
): HttpBody | undefined | Promise<HttpBody | undefined> {
  if (Number(message.headers['content-length']) > maxBytes) return undefined
  if (wasRead(message) || parsed.body instanceof Uint8Array) {
    if (hasFiles(parsed) || (parsed.body === undefined && hadBody(message))) throw bodyWasRead()
    return { parsed: parsed.body }
  }
  if (isBeingRead(message) && hadBody(message)) throw bodyWasRead()
  return unreadBodyOf(message, maxBytes)
}

async function unreadBodyOf(message: IncomingMessage, maxBytes: number): Promise<HttpBody | undefined> {
  // Node emits a request before it has parsed the rest of the packet.
  if (!isWhole(message)) await null
  // Bytes put back into a destroyed request would never be read.
  if (isGone(message)) throw stoppedSending()
  const bytes = await peek(message, maxBytes)
  if (bytes === undefined) return undefined
  // Node cuts a connection that sends fewer bytes than it said. So something in front took the beginning.
  if (bytes.length < Number(message.headers['content-length'])) throw bodyWasRead()
  return { bytes }
}

function hadBody(message: IncomingMessage): boolean {
  const { headers, stream } = message as IncomingMessage & { readonly stream?: { readonly endAfterHeaders?: boolean } }
  // A request of HTTP/2 needs neither header.
  const streamed = stream?.endAfterHeaders === false
  return streamed || Number(headers['content-length']) > 0 || headers['transfer-encoding'] !== undefined
}

/** Multer and the like leave only the fields in `body`, so that different uploads would look equal. */
function hasFiles({ file, files }: ParsedRequest): boolean {
  return [file, files].some((left) => typeof left === 'object' && left !== null && Object.keys(left).length > 0)
}

export function wasRead(message: IncomingMessage): boolean {
  return message.readableEnded || (message.readableDidRead && message.readableLength === 0)
}

/** Whether something takes the bytes as they come: then they may be gone, and those put back would be taken twice. */
function isBeingRead(message: IncomingMessage): boolean {
  const listens = message.listenerCount('data') > 0 || message.listenerCount('readable') > 0
  return listens || message.readableFlowing === true
}

/** Whether the client left before all of it was read. With HTTP/2, a request that was reset half-way looks ended. */
export function isGone(message: IncomingMessage): boolean {
  return !message.readableEnded && (message.destroyed || message.aborted)
}

function stoppedSending(): Error {
  return new Error('the client stopped sending its request half-way, or left before it was read')
}

/** Whether all of it has arrived. With HTTP/2, `complete` is set only after `end`, when nothing can be put back. */
function isWhole(message: IncomingMessage): boolean {
  const { _readableState: state } = message as unknown as { readonly _readableState?: { readonly ended?: boolean } }
  return message.complete || state?.ended === true
}

/**
 * Reads everything and puts it back before `end` is emitted: `unshift` is allowed until then, which is a tick after the
 * last byte was read.
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
        // Requests more data. It reads nothing, because nothing is buffered.
        message.read(0)
        return
      }
      const whole = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
      if (length > 0) message.unshift(whole)
      done(() => resolve(length > maxBytes ? undefined : whole))
    }
    // Without listening, which requests more data: an empty body would emit `end`, after which parsers refuse it.
    if (isWhole(message)) return read()
    message.on('readable', read)
    message.on('close', cut)
    message.on('error', cut)
    if (message.readableLength > 0) read()
  })
}
