import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Native } from './hooks.ts'

/**
 * Whether the handler or its framework ended the connection: its client neither closed nor reset it, and the server is
 * not shutting down. Frameworks do so to abort an answer that they cannot take back.
 */
export function endedHere({ socket }: ServerResponse): boolean {
  if (socket === null || socket === undefined) return false
  const { server } = socket as { readonly server?: { readonly listening?: boolean } }
  return !socket.readableEnded && !socket.errored && server?.listening !== false
}

/** Whether the connection, or the stream of HTTP/2, is over. */
export function isClosed(res: ServerResponse): boolean {
  return (streamOf(res) ?? res).destroyed
}

interface Stream {
  readonly destroyed: boolean
  readonly headersSent: boolean
  readonly sentHeaders?: OutgoingHttpHeaders
}

/** Whether it is a response of HTTP/2, which has no connection of its own. */
export function isStream(res: ServerResponse): boolean {
  return streamOf(res) !== undefined
}

/** The head that was sent on the stream of HTTP/2, by whatever means. */
export function headOnStream(res: ServerResponse): OutgoingHttpHeaders | undefined {
  const stream = streamOf(res)
  return stream?.headersSent ? stream.sentHeaders : undefined
}

/** Only a response of HTTP/2 has one. */
function streamOf(res: ServerResponse): Stream | undefined {
  return (res as { readonly stream?: Stream }).stream
}

/**
 * Makes a response whose client left look like one whose client is slow. Without this, Koa sends nothing at all, a
 * pipeline fails at once, and the handler's answer is lost. Call it when the connection of the request is hidden: what
 * is shown there in its place is that of the response, too.
 */
export function pretendConnected(res: ServerResponse): void {
  // The stream of HTTP/2 needs no such help.
  if (streamOf(res) !== undefined) return
  for (const [name, value] of [
    ['socket', res.req.socket],
    ['destroyed', false],
    ['_closed', false],
    ['writableNeedDrain', false],
  ] as const) {
    // Defined, not assigned: since Node 24 `socket` is an accessor of the prototype.
    Object.defineProperty(res, name, { value, writable: true, configurable: true, enumerable: true })
  }
}

/**
 * Discards the head that `writeHead` was given, which Node keeps until the first byte of the body is sent. Returns
 * false if it was sent already; HTTP/2 sends a head at once. So it does if something in front packs the answer: told of
 * its head, it would pack what comes in its place, too, under a head that does not say so.
 * @param native the methods of the response as they were in front of the guard
 */
export function takeBackHead(res: ServerResponse, native: Pick<Native, 'write' | 'writeHead'>): boolean {
  const own = Object.getPrototypeOf(res) as ServerResponse
  if (res.headersSent && native.write !== own.write && native.writeHead !== own.writeHead) return false
  const { _header: head, _headerSent: sent } = res as { readonly _header?: unknown; readonly _headerSent?: unknown }
  if (res.headersSent && (typeof head !== 'string' || sent !== false)) return false
  if (res.headersSent) {
    // For 204 and 304 Node has recorded that there is no body.
    const _hasBody = res.req.method !== 'HEAD'
    Object.assign(res, { _header: null, _contentLength: null, chunkedEncoding: false, _hasBody })
  }
  // HTTP/2 has no status message, and Node warns when it is set.
  if (streamOf(res) === undefined) res.statusMessage = ''
  return true
}

/** Placeholder in the field where Node keeps the serialized head. */
const UNWRITTEN = 'held'

/**
 * Makes the head of a held answer look sent, so that Node refuses a second answer with an error that says why. A
 * second one would change status and length, and so what is read as the next response on the connection. Returns a
 * function that undoes this, and any change made to the status meanwhile.
 */
export function holdHead(res: ServerResponse): () => void {
  const { statusCode } = res
  const stream = streamOf(res)
  if (stream !== undefined) {
    Object.defineProperty(stream, 'headersSent', { value: true, configurable: true })
    return () => {
      Reflect.deleteProperty(stream, 'headersSent')
      res.statusCode = statusCode
    }
  }
  const { statusMessage } = res
  const headed = res as unknown as { _header: string | null }
  headed._header ??= UNWRITTEN
  return () => {
    if (headed._header === UNWRITTEN) headed._header = null
    Object.assign(res, { statusCode, statusMessage })
  }
}
