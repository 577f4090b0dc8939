import type { Once } from '../core/once.ts'
import type { HttpBody } from './call.ts'
import { createGuard } from './guard.ts'
import type { IdempotencyOptions } from './options.ts'
import type { IdempotencyPolicy } from './policy.ts'
import { bodyOf, wasRead } from './web/body.ts'
import { responseOf } from './web/reply.ts'
import { guardWeb } from './web/run.ts'

export type { HeaderField, HttpBody, HttpCall, HttpReply, Omitted } from './call.ts'
export { operationOf, txOf } from './operation-of.ts'
export type { IdempotencyOptions } from './options.ts'
export type { IdempotencyPolicy } from './policy.ts'

/** The part of Hono's context that is used. */
export interface HonoContext {
  readonly req: { readonly raw: Request; arrayBuffer(): Promise<ArrayBuffer> }
  /** `undefined` makes the context forget the headers it would merge into the next one. */
  get res(): Response
  set res(response: Response | undefined)
  readonly finalized: boolean
  readonly executionCtx: { waitUntil(work: Promise<unknown>): void }
  get(name: string): unknown
}

export interface HonoMiddleware<Context extends HonoContext> {
  (c: Context, next: () => Promise<void>): Promise<void>
  /** What to tell clients about their keys. */
  describe(): IdempotencyPolicy
}

/**
 * Middleware for Hono, for all routes or for one. Options and `operationOf` are handed the context `c`. Put it behind what
 * authenticates.
 * @throws OnlyonceError OPTION_INVALID
 */
export function idempotency<Context extends HonoContext = HonoContext, Tx = never>(
  once: Once<Tx>,
  options: IdempotencyOptions<Context>,
): HonoMiddleware<Context> {
  const guard = createGuard(once, options)
  const middleware = async (c: Context, next: () => Promise<void>): Promise<void> => {
    const { raw } = c.req
    if (!guard.concerns(raw.method)) return next()
    const response = await guardWeb(once, guard, {
      request: c,
      raw,
      // What was read through the context, it can give again.
      body: async (maxBytes) => (raw.bodyUsed ? readBefore(c, maxBytes) : bodyOf(raw, maxBytes)),
      next: async () => {
        await next()
        return c.res
      },
      send(reply, ran) {
        const base = new Headers(c.res.headers)
        if (ran) for (const name of [...guard.rules.kept, 'content-length']) base.delete(name)
        return responseOf(reply, base)
      },
      background: (work) => lifetimeOf(c)?.waitUntil(work),
    })
    if (c.finalized && response === c.res) return
    c.res = undefined
    c.res = response
  }
  return Object.assign(middleware, { describe: guard.describe })
}

async function readBefore(c: HonoContext, maxBytes: number): Promise<HttpBody | undefined> {
  const bytes = await c.req.arrayBuffer().catch(() => Promise.reject(wasRead()))
  return bytes.byteLength > maxBytes ? undefined : { bytes: new Uint8Array(bytes) }
}

/** Reading it throws where the platform has none. */
function lifetimeOf(c: HonoContext): HonoContext['executionCtx'] | undefined {
  try {
    return c.executionCtx
  } catch {
    return undefined
  }
}
