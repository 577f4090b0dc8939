import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AnyOnce } from '../core/once.ts'
import type { HttpReply } from './call.ts'
import { createGuard } from './guard.ts'
import { guardNode } from './node/run.ts'
import { fieldsOf } from './node/send.ts'
import type { IdempotencyOptions } from './options.ts'
import type { IdempotencyPolicy } from './policy.ts'

export type { Operation } from '../core/once.ts'
export type { HeaderField, HttpBody, HttpCall, HttpReply, Omitted } from './call.ts'
export { operationOf, txOf } from './operation-of.ts'
export type { IdempotencyOptions, ReconciledReply } from './options.ts'
export type { IdempotencyPolicy, OpenApiFragment } from './policy.ts'

/** The part of Koa's context that is used. */
export interface KoaContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly method: string
  readonly originalUrl: string
  /** A body parser leaves the body here, as `body`. */
  readonly request: object
  status: number
  body: unknown
  set(field: string, value: string | string[]): void
  remove(field: string): void
}

/** What `idempotency` returns: a middleware for `app.use` or for one route. */
export interface KoaMiddleware<Context extends KoaContext> {
  (ctx: Context, next: () => Promise<unknown>): Promise<unknown>
  /** What to tell clients about their keys. */
  describe(): IdempotencyPolicy
}

/**
 * Middleware for Koa 2 and 3. Mount it after authentication and before the handlers. `operationOf` and `txOf` take the
 * context.
 * @throws OnlyonceError OPTION_INVALID
 */
export function idempotency<Context extends KoaContext>(
  once: AnyOnce,
  options: IdempotencyOptions<Context>,
): KoaMiddleware<Context> {
  const guard = createGuard(once, options)

  async function middleware(ctx: Context, next: () => Promise<unknown>): Promise<unknown> {
    if (!guard.concerns(ctx.method)) return next()
    // Koa writes the answer when all middleware has resolved, so this one must not wait for that answer.
    return new Promise((resolve, reject) => {
      const { req, res, originalUrl: url, request: parsed } = ctx
      const exchange = {
        request: ctx,
        parsed,
        req,
        res,
        url,
        next: () => void next().then(resolve, reject),
        send: (reply: HttpReply) => resolve(answer(ctx, reply)),
      }
      guardNode(once, guard, exchange).catch(reject)
    })
  }

  return Object.assign(middleware, { describe: guard.describe })
}

/** Set on the context, so that outer middleware sees it like any other answer. */
function answer(ctx: KoaContext, reply: HttpReply): void {
  ctx.status = reply.status
  ctx.body = Buffer.from(reply.body ?? '')
  // Koa sets a default content type for a buffer.
  ctx.remove('content-type')
  for (const [name, value] of fieldsOf(reply)) ctx.set(name, value)
}
