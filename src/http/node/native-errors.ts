import { ServerResponse } from 'node:http'
import { FIELD_VALUE } from '../header-rules.ts'
import { isStream } from './connection.ts'
import type { Words } from './hooks.ts'
import { chunkOf, type Recording } from './recording.ts'

/** The error that Node throws for a second head once the first was sent. */
export class HeadersSent extends Error {
  readonly code = 'ERR_HTTP_HEADERS_SENT'

  constructor() {
    super('Cannot write headers after they are sent to the client')
  }
}

/** The error that Node throws for a body of another length than was said, where `strictContentLength` asks for that. */
class WrongLength extends Error {
  readonly code = 'ERR_HTTP_CONTENT_LENGTH_MISMATCH'

  constructor(by: number) {
    super(`The body is ${Math.abs(by)} bytes ${by < 0 ? 'longer' : 'shorter'} than its Content-Length says`)
  }
}

/**
 * Refuses at once what Node would refuse only when it is released: after it was recorded, and unseen by the handler.
 * @throws what Node throws for a chunk, a status, a status message or a length that it cannot send
 */
export function refuseUnsendable(res: ServerResponse, how: 'write' | 'end', words: Words, recording: Recording): void {
  refuseChunk(res, how, words[0])
  if (!res.strictContentLength) return
  const left = (recording.missing() ?? Number.NaN) - chunkOf(words)[0].length
  if (left < 0 || (how === 'end' && left > 0)) throw new WrongLength(left)
}

function refuseChunk(res: ServerResponse, how: 'write' | 'end', chunk: unknown): void {
  if (isChunk(chunk) || (how === 'end' && isNone(chunk))) {
    if (res.headersSent || isStream(res) || canBegin(res)) return
  }
  // A response without a connection throws the same error.
  const nowhere = new ServerResponse(res.req)
  if (!res.headersSent) Object.assign(nowhere, { statusCode: res.statusCode, statusMessage: res.statusMessage })
  nowhere[how](chunk)
}

function isChunk(chunk: unknown): boolean {
  return typeof chunk === 'string' || chunk instanceof Uint8Array
}

/** `end()` and `end(callback)` */
function isNone(chunk: unknown): boolean {
  return chunk === undefined || typeof chunk === 'function'
}

function canBegin({ statusCode, statusMessage }: ServerResponse): boolean {
  // Converted as Node does it: text is accepted, too.
  const status = statusCode | 0
  return status >= 100 && status <= 999 && (!statusMessage || FIELD_VALUE.test(statusMessage))
}
