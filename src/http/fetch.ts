import type { AnyOnce } from '../core/once.ts'
import { invalidKind } from '../core/option-rules.ts'
import { createGuard } from './guard.ts'
import type { IdempotencyOptions } from './options.ts'
import type { IdempotencyPolicy } from './policy.ts'
import { checkTokenEndpoint, issueReply, type TokenEndpointOptions, type TokenIssuer } from './token-issue.ts'
import { bodyOf } from './web/body.ts'
import { responseOf } from './web/reply.ts'
import { guardWeb } from './web/run.ts'

export type { Operation } from '../core/once.ts'
export type { HeaderField, HttpBody, HttpCall, HttpReply, Omitted } from './call.ts'
export { operationOf, txOf } from './operation-of.ts'
export type { IdempotencyOptions, ReconciledReply } from './options.ts'
export type { IdempotencyPolicy, OpenApiFragment } from './policy.ts'
export type { TokenEndpointOptions, TokenIssuer } from './token-issue.ts'

/** A handler of web requests. Further arguments that the platform passes are passed on. */
export type FetchHandler<Req, Rest extends readonly unknown[]> = (
  request: Req,
  ...rest: Rest
) => Response | Promise<Response>

/** What `idempotency` returns: a function from a handler to one that is guarded and always returns a promise. */
export interface FetchWrapper<Req extends Request> {
  <One extends Req, Rest extends readonly unknown[]>(
    handler: FetchHandler<One, Rest>,
  ): (request: One, ...rest: Rest) => Promise<Response>
  /** What to tell clients about their keys. */
  describe(): IdempotencyPolicy
}

/**
 * Wraps handlers that turn a `Request` into a `Response`: route handlers of Next.js, Bun, Deno, Workers, and others. The
 * handler gets the same request object, with its body unread.
 * @throws OnlyonceError OPTION_INVALID
 */
export function idempotency<Req extends Request = Request>(
  once: AnyOnce,
  options: IdempotencyOptions<Req>,
): FetchWrapper<Req> {
  const guard = createGuard(once, options)
  const wrap = <One extends Req, Rest extends readonly unknown[]>(handler: FetchHandler<One, Rest>) => {
    if (typeof handler !== 'function') throw invalidKind('handler', 'must be a function', handler)
    return async (request: One, ...rest: Rest): Promise<Response> => {
      if (!guard.concerns(request.method)) return handler(request, ...rest)
      return guardWeb(once, guard, {
        request,
        raw: request,
        body: (maxBytes) => bodyOf(request, maxBytes),
        next: async () => handler(request, ...rest),
        send: (reply) => responseOf(reply),
        background: (work) => lifetimeIn(rest)?.waitUntil(work),
      })
    }
  }
  return Object.assign(wrap, { describe: guard.describe })
}

/** A handler that issues one-time tokens of `tokens(once)`, for forms that ask for one. @throws OnlyonceError OPTION_INVALID */
export function tokenEndpoint<Req extends Request = Request>(
  issuer: TokenIssuer,
  options: TokenEndpointOptions<Req>,
): (request: Req) => Promise<Response> {
  checkTokenEndpoint(issuer, options)
  return async (request) => responseOf(await issueReply(issuer, request, options))
}

interface Lifetime {
  waitUntil(work: Promise<unknown>): void
}

/** Workers and edge middleware get one as an argument; the platform stops work that it was not told of. */
function lifetimeIn(rest: readonly unknown[]): Lifetime | undefined {
  return rest.find((one): one is Lifetime => typeof Object(one).waitUntil === 'function')
}
