import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import { resolveRules } from '../options.ts'
import { defineMetadata, getMetadata } from './metadata.ts'
import type { NestContext, NestRequest, RouteOptions } from './shapes.ts'

const KEY = 'onlyonce:idempotent'

/**
 * Guards a handler, or every handler of a controller, with the module's options, overridden by `options`. `false`
 * excludes a handler of a guarded controller.
 * @throws OnlyonceError OPTION_INVALID
 */
export function Idempotent<Request extends NestRequest>(
  options: RouteOptions<Request> | false = {},
): MethodDecorator & ClassDecorator {
  // Checked now, so that the error points to the decorator; the module's options are not known yet.
  if (options !== false) resolveRules<Request>({ scope: 'public', ...options })
  return (target: object, _name?: unknown, descriptor?: PropertyDescriptor): void => {
    defineMetadata(KEY, options, descriptor === undefined ? target : (descriptor.value as object))
  }
}

/**
 * A controller may have handlers of requests and of messages, so only those that are marked themselves are refused.
 * @throws OnlyonceError OPTION_INVALID when this is a marked handler of something else than a request
 */
export function refuseMarked(context: NestContext): void {
  const handler = context.getHandler()
  if (!getMetadata(KEY, handler)) return
  const named = [context.getClass(), handler].map((one) => Object(one).name).join('.')
  throw new OnlyonceError(
    'OPTION_INVALID',
    `@Idempotent() guards handlers of HTTP requests only, and ${named} was called for ${quote(context.getType())}: use \`once\`, or the inbox for messages`,
  )
}

/** Returns the options of the controller, overridden by the handler's. `undefined`: the handler is not guarded. */
export function markedOptions(context: NestContext): RouteOptions | undefined {
  const [handler, controller] = [context.getHandler(), context.getClass()].map(
    (target) => getMetadata(KEY, target) as RouteOptions | false | undefined,
  )
  if (handler === false || (handler === undefined && !controller)) return undefined
  if (handler === undefined || !controller) return handler ?? (controller as RouteOptions)
  return { ...controller, ...handler }
}
