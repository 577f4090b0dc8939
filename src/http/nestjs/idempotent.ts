import { resolveRules } from '../options.ts'
import { defineMetadata, getMetadata } from './metadata.ts'
import type { NestContext, NestRequest, RouteOptions } from './shapes.ts'

const KEY = 'onlyonce:idempotent'

/**
 * Guards a handler, or every handler of a controller, with the module's options and those that differ. `false` leaves a
 * handler of a guarded controller out.
 * @throws OnlyonceError OPTION_INVALID
 */
export function Idempotent<Request extends NestRequest>(
  options: RouteOptions<Request> | false = {},
): MethodDecorator & ClassDecorator {
  // The rest of the options is not known yet; what is wrong with these is told where they are written.
  if (options !== false) resolveRules<Request>({ scope: 'public', ...options })
  return (target: object, _name?: unknown, descriptor?: PropertyDescriptor): void => {
    defineMetadata(KEY, options, descriptor === undefined ? target : (descriptor.value as object))
  }
}

/** What was written at the handler over what was written at its controller. `undefined`: it is not guarded. */
export function markedOptions(context: NestContext): RouteOptions | undefined {
  const [handler, controller] = [context.getHandler(), context.getClass()].map(
    (target) => getMetadata(KEY, target) as RouteOptions | false | undefined,
  )
  if (handler === false || (handler === undefined && !controller)) return undefined
  if (handler === undefined || !controller) return handler ?? (controller as RouteOptions)
  return { ...controller, ...handler }
}
