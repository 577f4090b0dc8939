import type { KeyInput } from '../../core/key.ts'
import { CALL_DEFAULTS, type CallOptions, invalidOption, resolveCallOptions } from '../../core/options.ts'
import type { OnceCall } from '../natural/check-first.ts'
import type { Judgement } from '../natural/reconcile.ts'

/** As a method, so that the type that it is declared with for `self` is taken at its word. */
interface Lend {
  once(self: unknown): OnceCall
}

export interface ProtectOptions<This, Args extends readonly unknown[]> extends CallOptions {
  /** The engine; or, where it is made later than the function, what answers it: `(self) => self.once`. */
  readonly once: OnceCall | Lend['once']
  /** Names the operation by the arguments, and binds it to a payload where one is given. */
  readonly key: (this: This, ...args: Args) => KeyInput
  /** Asks the business data before there is a claim. See `reconcile` of `onlyonce/sql`. */
  readonly check?: Judgement
  /**
   * Default `false`: the function must be declared `async`. `true`: it answers a promise all the same, such as one that was
   * compiled for an old target.
   */
  readonly promise?: boolean
}

/** What is left for the engine's call. @throws OnlyonceError OPTION_INVALID naming the option */
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
  if (check !== undefined && typeof check !== 'function') throw invalidOption('check', 'must be a function', check)
  if (promise !== undefined && typeof promise !== 'boolean')
    throw invalidOption('promise', 'must be true or false', promise)
  // For what it refuses: the times alone must make sense, whatever the engine's are.
  resolveCallOptions(CALL_DEFAULTS, call as CallOptions)
  return call as CallOptions
}

export function isOnce(once: unknown): once is OnceCall {
  return typeof Object(once).attempt === 'function'
}
