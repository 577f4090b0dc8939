import { checkScope } from '../../core/key.ts'
import { keepMetadata } from './metadata.ts'
import { requireMethod, requireOptions } from './misuse.ts'
import type { ProtectOptions } from './options.ts'
import { type AsyncMethod, protect } from './protect.ts'
import { scopeByName } from './scopes.ts'

/** Options of the decorator `Idempotent`, checked at the class declaration. What is not given is the engine's. */
export interface IdempotentOptions<This, Args extends readonly unknown[]> extends ProtectOptions<This, Args> {
  /**
   * Default: the engine's scope, a slash and the name of the method. Give one if the method may be renamed, or if two
   * methods have the same name.
   */
  readonly scope?: string
}

/** Arguments of a method, the first of which the key is made from. */
type Taking<Args extends readonly unknown[]> = readonly [...Args, ...unknown[]]

/** The type of the decorator in standard mode and under `experimentalDecorators`. */
export interface MethodDecorator<This, Args extends readonly unknown[]> {
  <Self extends This, All extends Taking<Args>, Value>(
    method: AsyncMethod<Self, All, Value>,
    context: ClassMethodDecoratorContext<Self, AsyncMethod<Self, All, Value>>,
  ): AsyncMethod<Self, All, Value>
  <All extends Taking<Args>, Value>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<(...args: All) => Promise<Value>>,
  ): TypedPropertyDescriptor<(...args: All) => Promise<Value>>
}

/**
 * Makes a method run once for each key; a duplicate gets the stored value. Works on public, private, static and
 * inherited methods, in standard mode and under `experimentalDecorators`.
 * @throws OnlyonceError OPTION_INVALID at the class declaration, for bad options and for anything but an `async` method
 */
export function Idempotent<This = unknown, const Args extends readonly unknown[] = readonly []>(
  options: IdempotentOptions<This, Args>,
  ...more: never[]
): MethodDecorator<This, Args> {
  requireOptions(options, more)
  const decorate = (value: unknown, context: unknown, descriptor?: PropertyDescriptor): unknown => {
    const { method, name } = requireMethod(value, context, descriptor)
    const { scope } = options
    if (scope !== undefined) checkScope(scope)
    const holder = {}
    const scopeIn =
      scope === undefined ? (once: Parameters<typeof scopeByName>[0]) => scopeByName(once, name(), holder) : () => scope
    const label = scope === undefined ? name() : method.name || scope
    const once = protect(method as AsyncMethod<This, Args, unknown>, { label, options, scopeIn })
    keepMetadata(method, once)
    return descriptor === undefined ? once : { ...descriptor, value: once }
  }
  return decorate as MethodDecorator<This, Args>
}
