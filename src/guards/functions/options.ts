import type { KeyInput } from '../../core/key.ts'
import { aBoolean, aFunction, checkEach, invalidOption } from '../../core/option-rules.ts'
import { CALL_DEFAULTS, type CallOptions, resolveCallOptions } from '../../core/options.ts'
import type { OnceCall } from '../natural/check-first.ts'
import type { Judgement } from '../natural/reconcile.ts'

/** A method, because its parameter is bivariant: the caller may declare any type for `self`. */
interface Lend {
  once(self: unknown): OnceCall
}

/**
 * What a function and a method that run once for each key have in common; the options of a call (`leaseMs`,
 * `onDuplicate`, …) override the engine's.
 */
export interface ProtectOptions<This, Args extends readonly unknown[]> extends CallOptions {
  /** The engine, or a function that returns it if it is made later: `(self) => self.once`. */
  readonly once: OnceCall | Lend['once']
  /** Makes the key from the arguments, with a payload to bind it to if there is one. */
  readonly key: (this: This, ...args: Args) => KeyInput
  /**
   * Default: none. Asks the business data before the claim: where the operation happened, its value is the result and
   * nothing runs. See `reconcile` of `onlyonce/sql`.
   */
  readonly check?: Judgement
  /**
   * Default `false`: the function must be declared `async`. `true`: it returns a promise without being so, for example
   * because it was compiled for an old target.
   */
  readonly promise?: boolean
}

/** Returns the call options for the engine. @throws OnlyonceError OPTION_INVALID naming the option */
export function callOptionsOf(options: object): CallOptions {
  const { once, key, check, scope, promise, ...call } = options as Record<string, unknown>
  if (typeof once !== 'function')
    throw invalidOption('once', 'is required: the engine, or a function that answers it', once)
  if (typeof key !== 'function') {
    throw invalidOption(
      'key',
      'is required: a function from the arguments to the key, such as (order) => order.id',
      key,
    )
  }
  checkEach(aFunction, { check })
  checkEach(aBoolean, { promise })
  // Only to validate: the options must be consistent with the defaults, since the engine may not be known yet.
  resolveCallOptions(CALL_DEFAULTS, call as CallOptions)
  return call as CallOptions
}

export function isOnce(once: unknown): once is OnceCall {
  return typeof Object(once).attempt === 'function'
}
