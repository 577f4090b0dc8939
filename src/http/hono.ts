import type { AnyOnce } from '../core/once.ts'
import type { HttpBody } from './call.ts'
import { createGuard } from './guard.ts'
import type { IdempotencyOptions } from './options.ts'
import type { IdempotencyPolicy } from './policy.ts'
import { bodyOf, wasRead } from './web/body.ts'
import { responseOf } from './web/reply.ts'
import { guardWeb, noAnswer, stale } from './web/run.ts'

export type { Operation } from '../core/once.ts'
export type { HeaderField, HttpBody, HttpCall, HttpReply, Omitted } from './call.ts'
export { operationOf, txOf } from './operation-of.ts'
export type { IdempotencyOptions, ReconciledReply } from './options.ts'
export type { IdempotencyPolicy, OpenApiFragment } from './policy.ts'

/** The part of Hono's context that is used. */
export interface HonoContext {
  readonly req: {
    readonly raw: Request
    /** What was read before, first by the name of the method that read it. */
    readonly bodyCache: object
    arrayBuffer(): Promise<ArrayBuffer>
    formData(): Promise<FormData>
  }
  /** Setting `undefined` drops the headers that the context would merge into the next response. */
  get res(): Response
  set res(response: Response | undefined)
  readonly finalized: boolean
  /** With `null`: the headers that were set so far, without a look at `res`, which would set it. */
  newResponse(data: null): Response
  readonly executionCtx: { waitUntil(work: Promise<unknown>): void }
  get(name: string): unknown
}

/** What `idempotency` returns: a middleware for `app.use` or for one route. */
export interface HonoMiddleware<Context extends HonoContext> {
  (c: Context, next: () => Promise<void>): Promise<void>
  /** What to tell clients about their keys. */
  describe(): IdempotencyPolicy
}

/**
 * Middleware for Hono, for all routes or for one. `call.request` and the argument of `operationOf` are the context `c`.
 * Mount it after authentication.
 * @throws OnlyonceError OPTION_INVALID
 */
export function idempotency<Context extends HonoContext = HonoContext>(
  once: AnyOnce,
  options: IdempotencyOptions<Context>,
): HonoMiddleware<Context> {
  const guard = createGuard(once, options)
  const middleware = async (c: Context, next: () => Promise<void>): Promise<void> => {
    const { raw } = c.req
    if (!guard.concerns(raw.method)) return next()
    let answered = false
    /** The headers from before the handler: those that a reply in its place has, too. */
    let front: Headers | undefined
    const response = await guardWeb(once, guard, {
      request: c,
      raw,
      // A body that was read through the context can be read there again.
      body: async (maxBytes) => (raw.bodyUsed ? readBefore(c, maxBytes) : bodyOf(raw, maxBytes)),
      next: async () => {
        front = c.newResponse(null).headers
        await next()
        // Hono dropped the response of this late handler: `c.res` is the reply that was sent in its place.
        if (answered) throw stale()
        // Reading `c.res` would make an empty 200 of it, where Hono tells of an error.
        if (!c.finalized) throw noAnswer(undefined)
        return c.res
      },
      send: (reply) => responseOf(reply, front ?? c.res.headers),
      background: (work) => lifetimeOf(c)?.waitUntil(work),
    })
    if (c.finalized && response === c.res) return
    answered = true
    c.res = undefined
    c.res = response
  }
  return Object.assign(middleware, { describe: guard.describe })
}

async function readBefore({ req }: HonoContext, maxBytes: number): Promise<HttpBody | undefined> {
  if (Number(req.raw.headers.get('content-length')) > maxBytes) return undefined
  // Its bytes are gone: Hono writes them anew for every reader, each time with another boundary.
  if (Object.keys(req.bodyCache)[0] === 'formData') return { parsed: [...(await req.formData())] }
  const bytes = await req.arrayBuffer().catch(() => Promise.reject(wasRead()))
  return bytes.byteLength > maxBytes ? undefined : { bytes: new Uint8Array(bytes) }
}

/** `undefined` where the platform has none: reading `executionCtx` then throws. */
function lifetimeOf(c: HonoContext): HonoContext['executionCtx'] | undefined {
  try {
    return c.executionCtx
  } catch {
    return undefined
  }
}
