import { ServerResponse } from 'node:http'
import { FIELD_VALUE } from '../header-rules.ts'
import { isStream } from './connection.ts'

/** The error that Node throws for a second head once the first was sent. */
export class HeadersSent extends Error {
  readonly code = 'ERR_HTTP_HEADERS_SENT'

  constructor() {
    super('Cannot write headers after they are sent to the client')
  }
}

/**
 * Refuses at once what Node would refuse only when it is released: after it was recorded, and unseen by the handler.
 * @throws what Node throws for a chunk, a status or a status message that it cannot send
 */
export function refuseUnsendable(res: ServerResponse, how: 'write' | 'end', chunk: unknown): void {
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
