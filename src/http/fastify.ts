import type { IncomingMessage } from 'node:http'
import type { Once } from '../core/once.ts'
import type { HttpReply } from './call.ts'
import { createGuard, type HttpGuard } from './guard.ts'
import { type FastifyReplyLike, sendThrough } from './node/fastify-reply.ts'
import { guardNode } from './node/run.ts'
import type { IdempotencyOptions } from './options.ts'
import type { IdempotencyPolicy } from './policy.ts'

export type { HeaderField, HttpBody, HttpCall, HttpReply, Omitted } from './call.ts'
export { operationOf, txOf } from './operation-of.ts'
export type { IdempotencyOptions } from './options.ts'
export type { IdempotencyPolicy } from './policy.ts'

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

/** What a route says about itself in its `config.idempotency`: `false`, or options that differ from the plugin's. */
export type RouteIdempotency<Request = unknown> = false | Partial<IdempotencyOptions<Request>>

export interface FastifyIdempotency {
  /** What to tell clients about their keys; of a route that differs, with its `config.idempotency`. */
  describe(route?: Exclude<RouteIdempotency, false>): IdempotencyPolicy
}

/** An engine, whatever its transactions are: Fastify cannot infer that from what it is registered with. */
type AnyOnce = { readonly [Name in Exclude<keyof Once, 'atomic'>]: Once[Name] }

export type FastifyIdempotencyOptions<Request> = IdempotencyOptions<Request> & { readonly once: AnyOnce }

/**
 * `app.register(idempotency, { once, scope })`: guards the routes of the instance it is registered on, and of those
 * within. The handler's answer is recorded as it goes out, hooks included; a replay passes `onSend` as any answer does.
 * @throws OnlyonceError OPTION_INVALID, also for the `config.idempotency` of a route
 */
export async function idempotency<Request extends FastifyRequestLike>(
  app: FastifyLike,
  { once: given, ...options }: FastifyIdempotencyOptions<Request>,
): Promise<void> {
  const once = given as Once
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

  // A mistake in a route's options is told when the route is made.
  app.addHook('onRoute', ({ config }) => void guardOf(config))
  // Behind validation: a request that is refused there never has a key.
  app.addHook('preHandler', (request: Request, reply: FastifyReplyLike, next: (error?: Error) => void) => {
    const guard = guardOf(request.routeOptions.config)
    if (guard === undefined || !guard.concerns(request.method)) return next()
    const { raw: req, originalUrl: url } = request
    const send = (answer: HttpReply) => sendThrough(reply, answer)
    guardNode(once, guard, { request, req, res: reply.raw, url, next: () => next(), send }).catch(next)
  })
  const described: FastifyIdempotency = {
    describe: (route) => (guardOf({ idempotency: route }) ?? own).describe(),
  }
  if (!app.hasDecorator('idempotency')) app.decorate('idempotency', described)
}

// What `fastify-plugin` does: the hooks belong to the instance that registers, not to one of the plugin's own.
Object.assign(idempotency, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'onlyonce',
  [Symbol.for('plugin-meta')]: { fastify: '4.x || 5.x', name: 'onlyonce' },
})
