import type { IncomingMessage } from 'node:http'
import type { AnyOnce } from '../core/once.ts'
import type { HttpReply } from './call.ts'
import { createGuard, type HttpGuard } from './guard.ts'
import type { Told } from './node/disguise.ts'
import { type FastifyReplyLike, sendThrough } from './node/fastify-reply.ts'
import { guardNode } from './node/run.ts'
import type { IdempotencyOptions } from './options.ts'
import type { IdempotencyPolicy } from './policy.ts'

export type { Operation } from '../core/once.ts'
export type { HeaderField, HttpBody, HttpCall, HttpReply, Omitted } from './call.ts'
export { operationOf, txOf } from './operation-of.ts'
export type { IdempotencyOptions, ReconciledReply } from './options.ts'
export type { IdempotencyPolicy, OpenApiFragment } from './policy.ts'

/** The part of Fastify's request that is used. */
export interface FastifyRequestLike {
  readonly raw: IncomingMessage
  readonly method: string
  readonly originalUrl: string
  readonly body?: unknown
  readonly routeOptions: { readonly config?: object }
}

/** The part of a Fastify instance that is used. */
export interface FastifyLike {
  addHook(name: 'onRoute', hook: (route: { readonly config?: object }) => void): unknown
  addHook(name: 'preHandler', hook: (request: never, reply: never, done: (error?: Error) => void) => void): unknown
  decorate(name: string, value: unknown): unknown
  hasDecorator(name: string): boolean
}

/** A route's `config.idempotency`: `false` leaves it unguarded; options override those of the plugin. */
export type RouteIdempotency<Request = unknown> = false | Partial<IdempotencyOptions<Request>>

/** What the plugin decorates the instance with, as `app.idempotency`. */
export interface FastifyIdempotency {
  /** What to tell clients about their keys. For a route with options of its own, pass its `config.idempotency`. */
  describe(route?: Exclude<RouteIdempotency, false>): IdempotencyPolicy
}

/**
 * What `app.register(idempotency, …)` takes: the engine, and the options of the guard for all routes of the instance.
 */
export type FastifyIdempotencyOptions<Request> = IdempotencyOptions<Request> & {
  /** The engine that keeps the answers. You close it, after the instance. */
  readonly once: AnyOnce
}

/** Fastify sends no result of `undefined` when the connection is gone, so there would be no answer to record. */
const CONNECTED: Told = { destroyed: false }
const told = () => CONNECTED

/**
 * `app.register(idempotency, { once, scope })`: guards the routes of the instance it is registered on, and of nested
 * instances. The handler's answer is recorded as it is sent, after all hooks; a replay passes `onSend` as well.
 * @throws OnlyonceError OPTION_INVALID, also for the `config.idempotency` of a route
 */
export async function idempotency<Request extends FastifyRequestLike>(
  app: FastifyLike,
  given: FastifyIdempotencyOptions<Request>,
): Promise<void> {
  const { once, ...options } = Object(given) as FastifyIdempotencyOptions<Request>
  const own = createGuard(once, options as IdempotencyOptions<Request>)
  const guards = new WeakMap<object, HttpGuard<Request>>()

  function guardOf(config: { readonly idempotency?: unknown } | undefined): HttpGuard<Request> | undefined {
    const differs = config?.idempotency
    if (differs === false) return undefined
    if (typeof differs !== 'object' || differs === null) return own
    const known = guards.get(differs)
    if (known !== undefined) return known
    const guard = createGuard(once, { ...options, ...differs } as IdempotencyOptions<Request>)
    guards.set(differs, guard)
    return guard
  }

  // Reports invalid options of a route when it is registered.
  app.addHook('onRoute', ({ config }) => void guardOf(config))
  // After validation: a request that fails it never claims its key.
  app.addHook('preHandler', (request: Request, reply: FastifyReplyLike, next: (error?: Error) => void) => {
    const guard = guardOf(request.routeOptions.config)
    if (guard === undefined || !guard.concerns(request.method)) return next()
    const { raw: req, originalUrl: url } = request
    // Something in front may have answered meanwhile, such as a time limit.
    const send = (answer: HttpReply) => void (reply.sent || sendThrough(reply, answer))
    guardNode(once, guard, { request, req, res: reply.raw, url, told, next: () => next(), send }).catch(next)
  })
  const described: FastifyIdempotency = {
    describe: (route) => (guardOf({ idempotency: route }) ?? own).describe(),
  }
  if (!app.hasDecorator('idempotency')) app.decorate('idempotency', described)
}

// As `fastify-plugin` does: hooks apply to the registering instance, not to an encapsulated one.
Object.assign(idempotency, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'onlyonce',
  [Symbol.for('plugin-meta')]: { fastify: '4.x || 5.x', name: 'onlyonce' },
})
