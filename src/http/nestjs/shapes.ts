import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AnyOnce } from '../../core/once.ts'
import type { IdempotencyOptions } from '../options.ts'

/** Express's request, or Fastify's, which has Node's in `raw`. */
export interface NestRequest {
  readonly raw?: IncomingMessage
  readonly originalUrl?: string
  readonly body?: unknown
}

/** The part of Nest's `ExecutionContext` that is used. */
export interface NestContext {
  getType(): string
  getHandler(): object
  getClass(): object
  switchToHttp(): { getRequest(): unknown; getResponse(): unknown }
}

/** The part of Nest's `CallHandler` that is used. */
export interface NestCallHandler {
  handle(): unknown
}

/** What Nest calls a dynamic module. */
export interface NestDynamicModule {
  readonly module: new () => object
  readonly global: boolean
  // Nest declares these as wide unions; `never` is assignable to each of them.
  readonly imports: never[]
  readonly providers: never[]
  readonly exports: symbol[]
}

/** Options that differ from the module's. */
export type RouteOptions<Request = unknown> = Partial<IdempotencyOptions<Request>>

/**
 * What `OnlyonceModule.forRoot` takes: the engine, and the options of the guard for every handler marked with
 * `@Idempotent()`.
 */
export type OnlyonceModuleOptions<Request extends NestRequest = NestRequest> = IdempotencyOptions<Request> & {
  /** The engine that keeps the answers, and that `ONCE` injects. You close it, after the application. */
  readonly once: AnyOnce
}

/** Returns Node's own request and response, whatever the platform. */
export function nativeOf(request: unknown, response: unknown): { req: IncomingMessage; res: ServerResponse } {
  const { raw: req = request } = request as { readonly raw?: unknown }
  const { raw: res = response } = response as { readonly raw?: unknown }
  return { req: req as IncomingMessage, res: res as ServerResponse }
}
