import type { Once } from '../../core/once.ts'
import { describe } from '../../core/value-path.ts'
import type { HttpBody, HttpCall, HttpReply } from '../call.ts'
import type { HttpGuard } from '../guard.ts'
import { carry, isCarried } from '../operation-of.ts'
import { Recorder } from './recorder.ts'

export interface WebExchange<R> {
  /** The framework's own request or context: `call.request`, and the argument of `operationOf`. */
  readonly request: R
  readonly raw: Request
  body(maxBytes: number): Promise<HttpBody | undefined>
  /** Runs the handler and returns its response. */
  next(): Promise<Response>
  /** Converts a reply that is not the handler's. */
  send(reply: HttpReply): Response
  /** Registers work that goes on after the response, on platforms that would end it otherwise. */
  background(work: Promise<unknown>): void
}

/**
 * Guards one exchange of a web `Request` for a `Response`. If the answer is slow or long, resolves early with a
 * response that streams while it is recorded.
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
    let refused = false
    let over = () => {}
    const handle = async (carrying: Parameters<typeof carry>[1]) => {
      over = carry(request, carrying)
      const response = await next().catch(thrownAnswer)
      if (typeof Object(response).headers?.get !== 'function') throw noAnswer(response)
      recorder = new Recorder(response, { ...limits, streams: resolve })
      // The guard has refused meanwhile, for example because the lease was lost.
      if (refused) recorder.cut(stale())
      own = await recorder.reply
      return own
    }
    const answered = async () => {
      const reply = await guard(call, handle)
      if (reply === undefined) return next()
      if (reply === own && recorder !== undefined) return recorder.letGo()
      refused = true
      recorder?.cut(stale())
      return send(reply)
    }
    const work = answered()
      .then(resolve, (error) => {
        refused = true
        recorder?.cut(error)
        reject(error)
      })
      .finally(() => over())
    background(work)
  })
}

/** Frameworks send a response that was thrown, so it is recorded like any other. */
function thrownAnswer(thrown: unknown): Response {
  if (thrown instanceof Response) return thrown
  throw thrown
}

/** Not an OnlyonceError: those say that nothing was carried out. */
export function noAnswer(answered: unknown): TypeError {
  return new TypeError(
    `the handler answered ${answered === null ? null : describe(answered)}; it must return a Response`,
  )
}

/** The error with which an answer that came too late is aborted. */
export function stale(): Error {
  return new Error('the answer does not stand: ask again with the same key to learn how it ended')
}
