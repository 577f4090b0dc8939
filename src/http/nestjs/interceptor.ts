import type { ServerResponse } from 'node:http'
import type { AnyOnce } from '../../core/once.ts'
import { createGuard, type HttpGuard } from '../guard.ts'
import { guardNode } from '../node/run.ts'
import type { IdempotencyOptions } from '../options.ts'
import type { IdempotencyPolicy } from '../policy.ts'
import { answerInstead } from './answer.ts'
import { hideLeaving } from './hide-leaving.ts'
import { markedOptions, refuseMarked } from './idempotent.ts'
import { getMetadata } from './metadata.ts'
import {
  type NestCallHandler,
  type NestContext,
  type NestRequest,
  nativeOf,
  type OnlyonceModuleOptions,
} from './shapes.ts'

/** The metadata key of Nest's `@Sse()`. */
const SSE = '__sse__'

/** Guards the handlers that are marked with `@Idempotent()`. Registered by `OnlyonceModule`. */
export class IdempotencyInterceptor {
  readonly #once: AnyOnce
  readonly #options: IdempotencyOptions<NestRequest>
  readonly #own: HttpGuard<NestRequest>
  /** By controller and handler: an inherited handler belongs to several controllers, each with its own options. */
  readonly #guards = new WeakMap<object, Map<object, HttpGuard<NestRequest>>>()

  /** @throws OnlyonceError OPTION_INVALID */
  constructor({ once, ...options }: OnlyonceModuleOptions) {
    this.#once = once
    this.#options = options as IdempotencyOptions<NestRequest>
    this.#own = createGuard(once, this.#options)
  }

  /** What to tell clients about their keys, for handlers without options of their own. */
  describe(): IdempotencyPolicy {
    return this.#own.describe()
  }

  /**
   * Called by Nest for every handler.
   * @throws OnlyonceError OPTION_INVALID for a marked handler of something else than a request
   */
  intercept(context: NestContext, next: NestCallHandler): unknown {
    if (context.getType() !== 'http') {
      refuseMarked(context)
      return next.handle()
    }
    const guard = this.#guardOf(context)
    if (guard === undefined) return next.handle()
    const http = context.switchToHttp()
    const [request, response] = [http.getRequest() as NestRequest, http.getResponse() as object]
    const { req, res } = nativeOf(request, response)
    if (!guard.concerns(req.method ?? '')) return next.handle()
    const raw = getMetadata(SSE, context.getHandler()) === true
    const decided = raw ? holdHead(res) : () => {}
    // Nest flattens what this promise resolves to, and calls the handler only when it subscribes to that.
    return new Promise((resolve, reject) => {
      guardNode(this.#once, guard, {
        request,
        req,
        res,
        url: request.originalUrl ?? req.url ?? '',
        // Not for an event stream: its producer is to stop when the client leaves.
        told: raw ? undefined : () => hideLeaving(req),
        next: () => {
          decided()
          resolve(next.handle())
        },
        send: (reply) => {
          decided()
          answerInstead(response, reply, { raw }, () => resolve([undefined]))
        },
      }).catch((error) => {
        decided()
        reject(error)
      })
    })
  }

  #guardOf(context: NestContext): HttpGuard<NestRequest> | undefined {
    const marked = markedOptions(context)
    if (marked === undefined) return undefined
    const [controller, handler] = [context.getClass(), context.getHandler()]
    const ofController = this.#guards.get(controller) ?? new Map<object, HttpGuard<NestRequest>>()
    this.#guards.set(controller, ofController)
    const known = ofController.get(handler)
    if (known !== undefined) return known
    const guard =
      Object.keys(marked).length === 0 ? this.#own : createGuard(this.#once, { ...this.#options, ...marked })
    ofController.set(handler, guard)
    return guard
  }
}

/** Makes the response look ended: Nest would send the head of an event stream before the guard has decided. */
function holdHead(res: ServerResponse): () => void {
  Object.defineProperty(res, 'writableEnded', { configurable: true, get: () => true })
  return () => void Reflect.deleteProperty(res, 'writableEnded')
}
