import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Once } from '../core/once.ts'
import { createGuard } from './guard.ts'
import { guardNode } from './node/run.ts'
import { sendReply } from './node/send.ts'
import { errorsOf } from './node/unhandled.ts'
import type { IdempotencyOptions } from './options.ts'
import type { IdempotencyPolicy } from './policy.ts'
import { issueReply, type TokenEndpointOptions, type TokenIssuer } from './token-issue.ts'

export type { HeaderField, HttpBody, HttpCall, HttpReply, Omitted } from './call.ts'
export { operationOf, txOf } from './operation-of.ts'
export type { IdempotencyOptions } from './options.ts'
export type { IdempotencyPolicy } from './policy.ts'
export type { TokenEndpointOptions, TokenIssuer } from './token-issue.ts'

/** The part of Express's request that is used; that of `node:http` will do. */
export interface ExpressRequest extends IncomingMessage {
  /** With the path of every router in front. Left out: `url` is whole. */
  readonly originalUrl?: string
  readonly body?: unknown
}

export interface ExpressMiddleware<Request extends ExpressRequest> {
  (req: Request, res: ServerResponse, next: (error?: unknown) => void): void
  /** What to tell clients about their keys. */
  describe(): IdempotencyPolicy
}

/**
 * Middleware for Express 4 and 5, for `node:http`, and for what takes `(req, res, next)` as they do. Put it behind what
 * authenticates, and before what handles. On `node:http`, `next` is the handler: it is called with an error only if it has
 * a parameter for one; an error of a guarded request is otherwise answered with 500, and a process warning tells of it.
 * @throws OnlyonceError OPTION_INVALID
 */
export function idempotency<Request extends ExpressRequest, Tx = never>(
  once: Once<Tx>,
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

/** A handler that gives out one-time tokens of `tokens(once)`: mount it where forms ask for one, behind what authenticates. */
export function tokenEndpoint<Request extends IncomingMessage = IncomingMessage>(
  issuer: TokenIssuer,
  options: TokenEndpointOptions<Request>,
): (req: Request, res: ServerResponse, next: (error?: unknown) => void) => void {
  return (req, res, next) => {
    // Also of the sending, where somebody else has answered meanwhile.
    issueReply(issuer, req, options)
      .then((reply) => sendReply(res, reply))
      .catch(errorsOf(req, res, next))
  }
}
