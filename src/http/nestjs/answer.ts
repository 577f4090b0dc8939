import type { HttpReply } from '../call.ts'
import { isClosed } from '../node/connection.ts'
import { type FastifyReplyLike, sendThrough } from '../node/fastify-reply.ts'
import { sendReply } from '../node/send.ts'
import { nativeOf } from './shapes.ts'

const WRITES = [
  ...['status', 'code', 'type', 'header', 'set', 'setHeader', 'removeHeader', 'writeHead', 'write', 'end'],
  ...['send', 'sendStatus', 'json', 'jsonp', 'redirect', 'render', 'view'],
]

/** Answers through Express or Fastify, so that the platform's hooks see it; `raw`: directly on Node's response. */
export function answer(response: object, reply: HttpReply, { raw }: { readonly raw: boolean }): void {
  if (!raw && 'code' in response && 'raw' in response) sendThrough(response as FastifyReplyLike, reply)
  else sendReply(nativeOf({}, response).res, reply)
}

/** Answers in place of the handler. Once that is sent, disables the response for Nest's answer, and calls `then`. */
export function answerInstead(
  response: object,
  reply: HttpReply,
  how: { readonly raw: boolean },
  then: () => void,
): void {
  const { res } = nativeOf({}, response)
  const over = () => {
    for (const target of new Set([response, res])) {
      for (const name of WRITES) if (name in target) Object.assign(target, { [name]: () => target })
    }
    then()
  }
  // The client has left already: no event will report that any more.
  if (isClosed(res)) over()
  else {
    res.once('close', over)
    answer(response, reply, how)
  }
}
