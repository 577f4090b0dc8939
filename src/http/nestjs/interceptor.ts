import type { ServerResponse } from 'node:http'
import type { Once } from '../../core/once.ts'
import { createGuard, type HttpGuard } from '../guard.ts'
import { guardNode } from '../node/run.ts'
import type { IdempotencyOptions } from '../options.ts'
import type { IdempotencyPolicy } from '../policy.ts'
import { answerInstead } from './answer.ts'
import { hideLeaving } from './hide-leaving.ts'
import { markedOptions } from './idempotent.ts'
import { getMetadata } from './metadata.ts'
import {
  type NestCallHandler,
  type NestContext,
  type NestRequest,
  nativeOf,
  type OnlyonceModuleOptions,
} from './shapes.ts'

/** Where Nest's `@Sse()` leaves its mark. */
const SSE = '__sse__'

/** Guards the handlers that are marked with `@Idempotent()`; `OnlyonceModule` puts it to work. */
export class IdempotencyInterceptor {
  readonly #once: Once<never>
  readonly #options: IdempotencyOptions<NestRequest>
  readonly #own: HttpGuard<NestRequest>
  /** By controller and handler: a handler that is inherited belongs to several controllers, each with options of its own. */
  readonly #guards = new WeakMap<object, Map<object, HttpGuard<NestRequest>>>()

  /** @throws OnlyonceError OPTION_INVALID */
  constructor({ once, ...options }: OnlyonceModuleOptions) {
    this.#once = once
    this.#options = options as IdempotencyOptions<NestRequest>
    this.#own = createGuard(once, this.#options)
  }

  /** What to tell clients about their keys, where nothing else is said at the handler. */
  describe(): IdempotencyPolicy {
    return this.#own.describe()
  }

  intercept(context: NestContext, next: NestCallHandler): unknown {
    const guard = context.getType() === 'http' ? this.#guardOf(context) : undefined
    if (guard === undefined) return next.handle()
    const http = context.switchToHttp()
    const [request, response] = [http.getRequest() as NestRequest, http.getResponse() as object]
    const { req, res } = nativeOf(request, response)
    if (!guard.concerns(req.method ?? '')) return next.handle()
    const raw = getMetadata(SSE, context.getHandler()) === true
    const decided = raw ? holdHead(res) : () => {}
    // Nest takes a promise of anything that it can iterate, and subscribes to the handler only when it gets there.
    return new Promise((resolve, reject) => {
      guardNode(this.#once, guard, {
        request,
        req,
        res,
        url: request.originalUrl ?? req.url ?? '',
        next: () => {
          decided()
          // The producer of an event stream is to stop when nobody listens any more.
          if (!raw) hideLeaving(req)
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

/** Nest sends the head of an event stream in the next turn, whoever is still thinking; not of a response that is over. */
function holdHead(res: ServerResponse): () => void {
  Object.defineProperty(res, 'writableEnded', { configurable: true, get: () => true })
  return () => void Reflect.deleteProperty(res, 'writableEnded')
}
