import { checkScope } from '../../core/key.ts'
import { invalidOption } from '../../core/option-rules.ts'
import type { ProtectOptions } from './options.ts'
import { type AsyncMethod, protect } from './protect.ts'

/** Options of `idempotent`, checked when the function is wrapped. What is not given is the engine's. */
export interface IdempotentFunctionOptions<This, Args extends readonly unknown[]> extends ProtectOptions<This, Args> {
  /**
   * Required: what the keys are unique within, instead of the engine's scope. It is not derived from the function's
   * name, which a minifier may change between releases.
   */
  readonly scope: string
}

/**
 * `Args` without a part in its inference: a key that takes fewer parameters would take optional ones from the function.
 * `NoInfer` of a rest parameter is no list any more.
 */
type Inferred<Args> = Args extends infer All extends readonly unknown[] ? All : never

/**
 * Wraps a function so that it runs once for each key; a duplicate gets the stored value, so the value must be storable.
 * @throws OnlyonceError OPTION_INVALID here; calls reject as those of the engine, with KEY_INVALID if `key` throws
 */
export function idempotent<This, Args extends readonly unknown[], Value>(
  fn: (this: This, ...args: Args) => Promise<Value>,
  options: IdempotentFunctionOptions<This, Inferred<Args>>,
): AsyncMethod<This, Args, Value>
/** Where only `key` says what the parameters are. */
export function idempotent<This, Args extends readonly unknown[], Value>(
  fn: (this: This, ...args: Args) => Promise<Value>,
  options: IdempotentFunctionOptions<This, Args>,
): AsyncMethod<This, Args, Value>
export function idempotent<This, Args extends readonly unknown[], Value>(
  fn: (this: This, ...args: Args) => Promise<Value>,
  options: IdempotentFunctionOptions<This, Args>,
): AsyncMethod<This, Args, Value> {
  const { scope } = Object(options) as { scope?: unknown }
  checkScope(scope)
  if (typeof fn !== 'function') throw invalidOption('fn', 'must be an async function', fn)
  return protect(fn, { label: fn.name || scope, options, scopeIn: () => scope })
}
