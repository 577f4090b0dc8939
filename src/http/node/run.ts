import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Once } from '../../core/once.ts'
import type { HttpCall, HttpReply } from '../call.ts'
import type { Handle, HttpGuard } from '../guard.ts'
import { carry, operationOf } from '../operation-of.ts'
import { bodyOf, type ParsedRequest } from './body.ts'
import { keepReadable } from './keep-readable.ts'
import { Recorder } from './recorder.ts'
import { sendReply } from './send.ts'

export interface NodeExchange<R> {
  /** The framework's own request: what `scope` and `key` are handed, and `operationOf` is asked with. */
  readonly request: R
  /** Where the framework's parser leaves the body. Default: `request`. */
  readonly parsed?: ParsedRequest
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** Path and query with all mounts. */
  readonly url: string
  /** Hands the request to the handler; what it answers is heard on `res`. */
  next(): void
  /** Sends a reply that is not the handler's. Default: straight to `res`. */
  send?(reply: HttpReply): void
}

/**
 * Guards one exchange on Node's own request and response, whatever framework they belong to. Resolves when nothing is
 * left to do; the handler may be long at work by the time, or not have been asked at all.
 * @throws what the guard throws, before the handler was asked: the framework's error handling answers it
 */
export async function guardNode<R extends object>(
  once: Pick<Once, 'options'>,
  guard: HttpGuard<R>,
  { request, parsed = request, req, res, url, next, send }: NodeExchange<R>,
): Promise<void> {
  // A guard in front of this one holds the request already; a second claim of it would wait for the first for ever.
  if (operationOf(request) !== undefined) return next()
  keepReadable(req)
  const { method = 'GET', headers } = req
  const call: HttpCall<R> = {
    method,
    url,
    request,
    header: (name) => joined(headers[name]),
    body: (maxBytes) => bodyOf(req, parsed, maxBytes),
  }
  const { runtime, storeTimeoutMs } = once.options
  const { kept, heard, maxBodyBytes, atomic } = guard.rules
  let recorder: Recorder | undefined
  const handle: Handle = (carrying) => {
    carry(request, carrying)
    recorder = new Recorder(res, { runtime, kept, heard, maxBodyBytes, holdAll: atomic, graceMs: storeTimeoutMs })
    next()
    return recorder.reply
  }
  try {
    const reply = await guard(call, handle)
    if (reply === undefined) next()
    else if (recorder === undefined) send === undefined ? sendReply(res, reply) : send(reply)
    else if (reply === recorder.own) recorder.letGo()
    else recorder.replace(() => sendReply(res, reply))
  } catch (error) {
    // The handler broke its own answer off: there is nobody left to answer.
    if (recorder === undefined) throw error
    recorder.letGo()
  }
}

function joined(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value
}
