import type { HttpReply } from '../call.ts'
import { isClosed } from '../node/connection.ts'
import { type FastifyReplyLike, sendThrough } from '../node/fastify-reply.ts'
import { sendReply } from '../node/send.ts'
import { nativeOf } from './shapes.ts'

const WRITES = [
  ...['status', 'code', 'type', 'header', 'set', 'setHeader', 'removeHeader', 'writeHead', 'write', 'end'],
  ...['send', 'sendStatus', 'json', 'jsonp', 'redirect', 'render', 'view'],
]

/** Answers on Express or Fastify, in the way in which hooks of the platform see it. */
export function answer(response: object, reply: HttpReply, { raw }: { readonly raw: boolean }): void {
  if (!raw && 'code' in response && 'raw' in response) sendThrough(response as FastifyReplyLike, reply)
  else sendReply(nativeOf({}, response).res, reply)
}

/** Answers in place of the handler, and calls `then` when the answer is out: Nest's own must come to nothing. */
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
  // Its client left before there was anything to say: no event will tell of that any more.
  if (isClosed(res)) over()
  else {
    res.once('close', over)
    answer(response, reply, how)
  }
}
