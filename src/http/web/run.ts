import type { Once } from '../../core/once.ts'
import type { HttpBody, HttpCall, HttpReply } from '../call.ts'
import type { HttpGuard } from '../guard.ts'
import { carry, isCarried } from '../operation-of.ts'
import { Recorder } from './recorder.ts'

export interface WebExchange<R> {
  /** The framework's own request or context: what `scope` and `key` are handed, and `operationOf` is asked with. */
  readonly request: R
  readonly raw: Request
  body(maxBytes: number): Promise<HttpBody | undefined>
  /** Runs the handler and answers with its response. */
  next(): Promise<Response>
  /** Makes a response of a reply that is not the handler's; `ran`: in place of one that was. */
  send(reply: HttpReply, ran: boolean): Response
  /** Takes what goes on after the response, on platforms that would end it otherwise. */
  background(work: Promise<unknown>): void
}

/**
 * Guards one exchange of a web `Request` for a `Response`. A slow or long answer resolves it at once, and streams while
 * it is recorded.
 * @throws what the handler, or a function among the options, threw
 */
export function guardWeb<R extends object>(
  once: Pick<Once, 'options'>,
  guard: HttpGuard<R>,
  { request, raw, body, next, send, background }: WebExchange<R>,
): Promise<Response> {
  if (isCarried(request)) return next()
  const { pathname, search } = new URL(raw.url)
  const call: HttpCall<R> = {
    method: raw.method,
    url: pathname + search,
    request,
    header: (name) => raw.headers.get(name) ?? undefined,
    body,
  }
  const { runtime, storeTimeoutMs, maxRunMs: longestMs } = { ...once.options, ...guard.rules.call }
  const { kept, maxBodyBytes, atomic } = guard.rules
  const limits = {
    runtime,
    kept,
    maxBodyBytes,
    holdAll: atomic,
    graceMs: storeTimeoutMs,
    longestMs,
    background,
    leaves: () => raw.signal,
  }
  return new Promise<Response>((resolve, reject) => {
    let recorder: Recorder | undefined
    let own: HttpReply | undefined
    let over = () => {}
    const handle = async (carrying: Parameters<typeof carry>[1]) => {
      over = carry(request, carrying)
      recorder = new Recorder(await next(), { ...limits, streams: resolve })
      own = await recorder.reply
      return own
    }
    const answered = async () => {
      const reply = await guard(call, handle)
      if (reply === undefined) return next()
      if (reply === own && recorder !== undefined) return recorder.letGo()
      recorder?.cut(new Error('the answer does not stand: ask again with the same key to learn how it ended'))
      return send(reply, recorder !== undefined)
    }
    const work = answered()
      .then(resolve, (error) => {
        recorder?.cut(error)
        reject(error)
      })
      .finally(() => over())
    background(work)
  })
}
