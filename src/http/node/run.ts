import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Once } from '../../core/once.ts'
import type { HttpCall, HttpReply } from '../call.ts'
import type { Handle, HttpGuard } from '../guard.ts'
import { carry, isCarried } from '../operation-of.ts'
import { bodyOf, isGone, type ParsedRequest, wasRead } from './body.ts'
import { BrokenOff } from './broken-off.ts'
import type { Told } from './disguise.ts'
import { hasEnded } from './hooks.ts'
import { keepReadable } from './keep-readable.ts'
import { closeWithConnection } from './pipelined.ts'
import { Recorder } from './recorder.ts'
import { sendReply } from './send.ts'
import { thisTurn } from './turn.ts'
import { failedReply, warnUnhandled } from './unhandled.ts'

export interface NodeExchange<R> {
  /** The framework's own request: `call.request`, and the argument of `operationOf`. */
  readonly request: R
  /** Where the framework's parser leaves the body. Default: `request`. */
  readonly parsed?: ParsedRequest
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** Path and query with all mounts. */
  readonly url: string
  /** What the handler sees in place of its connection, from the start until its answer is released or aborted. */
  readonly told?: (() => Told) | undefined
  /** Calls the handler, whose answer is recorded on `res`. If it throws or rejects before that, the operation fails. */
  next(): unknown
  /** Sends a reply that is not the handler's. Default: straight to `res`. */
  send?(reply: HttpReply): void
}

/**
 * Guards one exchange on Node's own request and response, whatever framework they belong to. Resolves when nothing is
 * left to do; the handler may still be running then, or may not have been called at all.
 * @throws what the guard or the handler throws before anything is sent: the framework's error handling answers it
 */
export async function guardNode<R extends object>(
  once: Pick<Once, 'options'>,
  guard: HttpGuard<R>,
  { request, parsed = request, req, res, url, told, next, send }: NodeExchange<R>,
): Promise<void> {
  if (isCarried(request)) return void (await next())
  const turn = thisTurn()
  const unguarded = keepReadable(req)
  closeWithConnection(req, res)
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
  const run = async (mine: Recorder) => {
    try {
      await next()
    } catch (error) {
      if (mine.own === undefined) return mine.fail(error)
      // The answer is settled already. An event stream may still be open, and nothing else would end it.
      warnUnhandled({ method, url }, error)
      if (!res.writableEnded) res.destroy()
    }
  }
  const handle: Handle = (carrying) => {
    // By a timeout in front of the guard, for example: whatever the handler did, its client was told something else.
    if (hasEnded(res)) throw new Error('the response was ended before the handler could begin, so it was not run')
    // Not noticed before if nothing asked for the body. A handler that reads it would wait forever.
    if (!isRead && isGone(req) && !wasRead(req)) throw new Error('the client left before its request was read')
    carry(request, carrying)
    const how = { runtime, kept, heard, maxBodyBytes, holdAll: atomic, graceMs: storeTimeoutMs }
    recorder = new Recorder(res, how, told?.())
    void run(recorder)
    return recorder.reply
  }
  try {
    const reply = await guard(call, handle)
    if (reply === undefined) {
      unguarded()
      return void (await next())
    }
    // Answers of one turn leave back to back: sent one by one, each would wake a client that waits, which costs the sender
    // more than writing does. Later ones come from a store that has answered for several at once.
    if (!turn.over) await turn.end
    if (recorder === undefined) {
      // As Node does with a body that nobody has begun to read: the client may send it all before it reads its answer.
      if (!req.complete) res.once('finish', () => req.resume())
      if (send !== undefined) send(reply)
      // Otherwise something in front has answered meanwhile, such as a time limit.
      else if (!hasEnded(res)) sendReply(res, reply)
    } else if (reply === recorder.own) recorder.letGo()
    else if (recorder.takeBack()) recorder.sendInstead(reply)
  } catch (error) {
    if (recorder === undefined) throw error
    const answered = recorder.own !== undefined
    const canAnswer = recorder.takeBack()
    if (canAnswer && !answered) throw error
    // Not thrown: the client has half of an answer or is gone, or the framework already has the handler's answer.
    if (!(error instanceof BrokenOff)) warnUnhandled({ method, url }, error)
    if (canAnswer) recorder.sendInstead(failedReply())
  }
}

function joined(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value
}
