import type { ServerResponse } from 'node:http'

/**
 * Whether this process ended the connection, and not the client: its side was neither closed nor reset. It is how a
 * framework gives up an answer that it cannot take back.
 */
export function endedHere({ socket }: ServerResponse): boolean {
  return socket !== null && socket !== undefined && !socket.readableEnded && !socket.errored
}

/** Not `writableEnded`, which an adapter may have set to keep its framework from answering meanwhile. */
export function hasEnded(res: ServerResponse): boolean {
  return res.finished
}

/** Whether the connection, or the stream of HTTP/2, is over. */
export function isClosed(res: ServerResponse): boolean {
  return (streamOf(res) ?? res).destroyed
}

/** Only a response of HTTP/2 has one. */
function streamOf(res: ServerResponse): { readonly destroyed: boolean } | undefined {
  return (res as { readonly stream?: { readonly destroyed: boolean } }).stream
}

/**
 * Makes a response whose client left look like one whose client is slow. Without this, Koa sends nothing at all, a
 * pipeline fails at once, and what the handler was about to answer is lost.
 */
export function pretendConnected(res: ServerResponse): void {
  // The stream of HTTP/2 needs no such help.
  if (streamOf(res) !== undefined) return
  for (const [name, value] of [
    ['socket', null],
    ['destroyed', false],
    ['_closed', false],
    ['writableNeedDrain', false],
  ] as const) {
    // Defined, not assigned: since Node 24 `socket` is an accessor of the prototype.
    Object.defineProperty(res, name, { value, writable: true, configurable: true, enumerable: true })
  }
}

/**
 * Node keeps what `writeHead` was told until the first byte goes out; as long as it does, it can be told something else.
 * Answers whether it can. Of HTTP/2 a head is gone at once.
 */
export function takeBackHead(res: ServerResponse): boolean {
  const { _header: head, _headerSent: sent } = res as { readonly _header?: unknown; readonly _headerSent?: unknown }
  if (res.headersSent && (typeof head !== 'string' || sent !== false)) return false
  if (res.headersSent) Object.assign(res, { _header: null, _contentLength: null, chunkedEncoding: false })
  // HTTP/2 has none, and Node warns whoever sets one.
  if (streamOf(res) === undefined) res.statusMessage = ''
  return true
}

/** On HTTP/1 it is a property that anybody may write, and `writableEnded` answers from it. */
export function finishedIsPlain(res: ServerResponse): boolean {
  return streamOf(res) === undefined && Object.hasOwn(res, 'finished')
}

export function setFinished(res: ServerResponse, finished: boolean): void {
  if (finishedIsPlain(res)) (res as { finished: boolean }).finished = finished
}
