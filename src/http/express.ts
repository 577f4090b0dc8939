import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AnyOnce } from '../core/once.ts'
import { createGuard } from './guard.ts'
import { guardNode } from './node/run.ts'
import { sendReply } from './node/send.ts'
import { errorsOf } from './node/unhandled.ts'
import type { IdempotencyOptions } from './options.ts'
import type { IdempotencyPolicy } from './policy.ts'
import { checkTokenEndpoint, issueReply, type TokenEndpointOptions, type TokenIssuer } from './token-issue.ts'

export type { Operation } from '../core/once.ts'
export type { HeaderField, HttpBody, HttpCall, HttpReply, Omitted } from './call.ts'
export { operationOf, txOf } from './operation-of.ts'
export type { IdempotencyOptions, ReconciledReply } from './options.ts'
export type { IdempotencyPolicy, OpenApiFragment } from './policy.ts'
export type { TokenEndpointOptions, TokenIssuer } from './token-issue.ts'

/** The part of Express's request that is used; a request of `node:http` fits, too. */
export interface ExpressRequest extends IncomingMessage {
  /** The URL including the mount path of every router. Default: `url`. */
  readonly originalUrl?: string
  readonly body?: unknown
}

/** What `idempotency` returns: a middleware for `app.use` or for one route. */
export interface ExpressMiddleware<Request extends ExpressRequest> {
  (req: Request, res: ServerResponse, next: (error?: unknown) => void): void
  /** What to tell clients about their keys. */
  describe(): IdempotencyPolicy
}

/**
 * Middleware for Express 4 and 5, `node:http`, and other frameworks with `(req, res, next)`. Mount it after
 * authentication and before the handlers. On `node:http`, `next` is the handler: it gets an error only if it has a
 * parameter for one; otherwise an error of a guarded request is answered with 500 and reported as a process warning.
 * @throws OnlyonceError OPTION_INVALID
 */
export function idempotency<Request extends ExpressRequest>(
  once: AnyOnce,
  options: IdempotencyOptions<Request>,
): ExpressMiddleware<Request> {
  const guard = createGuard(once, options)
  const middleware = (req: Request, res: ServerResponse, next: (error?: unknown) => void) => {
    if (!guard.concerns(req.method ?? '')) return next()
    const exchange = { request: req, req, res, url: req.originalUrl ?? req.url ?? '', next: () => next() }
    guardNode(once, guard, exchange).catch(errorsOf(req, res, next))
  }
  return Object.assign(middleware, { describe: guard.describe })
}

/**
 * A handler that issues one-time tokens of `tokens(once)`. Mount it where forms ask for one, after authentication.
 * @throws OnlyonceError OPTION_INVALID
 */
export function tokenEndpoint<Request extends IncomingMessage = IncomingMessage>(
  issuer: TokenIssuer,
  options: TokenEndpointOptions<Request>,
): (req: Request, res: ServerResponse, next: (error?: unknown) => void) => void {
  checkTokenEndpoint(issuer, options)
  return (req, res, next) => {
    // Errors of `sendReply`, too: something else may have answered meanwhile.
    issueReply(issuer, req, options)
      .then((reply) => sendReply(res, reply))
      .catch(errorsOf(req, res, next))
  }
}
