import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Once } from '../../core/once.ts'
import type { HttpCall, HttpReply } from '../call.ts'
import type { Handle, HttpGuard } from '../guard.ts'
import { carry, isCarried } from '../operation-of.ts'
import { bodyOf, isGone, type ParsedRequest, wasRead } from './body.ts'
import { hasEnded } from './connection.ts'
import { keepReadable } from './keep-readable.ts'
import { BrokenOff, Recorder } from './recorder.ts'
import { sendReply } from './send.ts'
import { failedReply, warnUnhandled } from './unhandled.ts'

export interface NodeExchange<R> {
  /** The framework's own request: what `scope` and `key` are handed, and `operationOf` is asked with. */
  readonly request: R
  /** Where the framework's parser leaves the body. Default: `request`. */
  readonly parsed?: ParsedRequest
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** Path and query with all mounts. */
  readonly url: string
  /** Hands the request to the handler; what it answers is heard on `res`. What it throws, or rejects with, ends it. */
  next(): unknown
  /** Sends a reply that is not the handler's. Default: straight to `res`. */
  send?(reply: HttpReply): void
}

/**
 * Guards one exchange on Node's own request and response, whatever framework they belong to. Resolves when nothing is
 * left to do; the handler may be long at work by the time, or not have been asked at all.
 * @throws what the guard or the handler throws, while nothing is sent: the framework's error handling answers it
 */
export async function guardNode<R extends object>(
  once: Pick<Once, 'options'>,
  guard: HttpGuard<R>,
  { request, parsed = request, req, res, url, next, send }: NodeExchange<R>,
): Promise<void> {
  if (isCarried(request)) return void (await next())
  keepReadable(req)
  const { method = 'GET', headers } = req
  let isRead = false
  const call: HttpCall<R> = {
    method,
    url,
    request,
    header: (name) => joined(headers[name]),
    async body(maxBytes) {
      const body = await bodyOf(req, parsed, maxBytes)
      isRead = body !== undefined
      return body
    },
  }
  const { runtime, storeTimeoutMs } = once.options
  const { kept, heard, maxBodyBytes, atomic } = guard.rules
  let recorder: Recorder | undefined
  const handle: Handle = async (carrying) => {
    // A limit in front of the guard, for example: whatever the handler did, its client was told something else.
    if (hasEnded(res)) throw new Error('the response was ended before the handler could begin, so it was not run')
    // Without having asked for the body nobody noticed; a handler that reads it would wait for ever.
    if (!isRead && isGone(req) && !wasRead(req)) throw new Error('the client left before its request was read')
    carry(request, carrying)
    const mine = new Recorder(res, { runtime, kept, heard, maxBodyBytes, holdAll: atomic, graceMs: storeTimeoutMs })
    recorder = mine
    return new Promise((resolve, reject) => {
      mine.reply.then(resolve, reject)
      const ran = async () => next()
      ran().catch((error) => {
        if (mine.own === undefined) return reject(error)
        // Its answer is settled. A stream of events has no end yet, and nobody is left to make one.
        warnUnhandled({ method, url }, error)
        if (!res.writableEnded) res.destroy()
      })
    })
  }
  try {
    const reply = await guard(call, handle)
    if (reply === undefined) await next()
    else if (recorder === undefined) send === undefined ? sendReply(res, reply) : send(reply)
    else if (reply === recorder.own) recorder.letGo()
    else if (recorder.takeBack()) sendReply(res, reply)
  } catch (error) {
    if (recorder === undefined) throw error
    const answered = recorder.own !== undefined
    const canAnswer = recorder.takeBack()
    if (canAnswer && !answered) throw error
    // Its client has half of an answer, or is gone; or its framework has the handler's answer, and waits for nothing more.
    if (!(error instanceof BrokenOff)) warnUnhandled({ method, url }, error)
    if (canAnswer) sendReply(res, failedReply())
  }
}

function joined(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value
}
