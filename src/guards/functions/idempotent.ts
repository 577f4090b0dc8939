import { checkScope } from '../../core/key.ts'
import type { ProtectOptions } from './options.ts'
import { type AsyncMethod, protect } from './protect.ts'

export interface IdempotentFunctionOptions<This, Args extends readonly unknown[]> extends ProtectOptions<This, Args> {
  /**
   * Required: what the keys are unique within, in place of the engine's scope. Never the name of the function, which a
   * minifier may change from one release to the next.
   */
  readonly scope: string
}

/**
 * The same function, run once for each key: a duplicate gets the stored value. What it answers must be storable.
 * @throws OnlyonceError OPTION_INVALID here; the call rejects as the engine's does, KEY_INVALID when no key can be made
 */
export function idempotent<This, Args extends readonly unknown[], Value>(
  fn: (this: This, ...args: Args) => Promise<Value>,
  options: IdempotentFunctionOptions<This, Args>,
): AsyncMethod<This, Args, Value> {
  const { scope } = Object(options) as { scope?: unknown }
  checkScope(scope)
  return protect(fn, { label: fn.name || scope, options, scopeIn: () => scope })
}
