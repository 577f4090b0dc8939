import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import { type KeyInput, keyInScope } from '../../core/key.ts'
import { invalidOption } from '../../core/option-rules.ts'
import { checkFirst, type OnceCall } from '../natural/check-first.ts'
import { runAs } from './current.ts'
import { callOptionsOf, isOnce, type ProtectOptions } from './options.ts'

/**
 * A function or method that returns a promise: only such a one can run once for each key, because the store answers
 * later.
 */
export type AsyncMethod<This, Args extends readonly unknown[], Value> = (this: This, ...args: Args) => Promise<Value>

/** How a function becomes an operation of an engine. `scopeIn` returns the scope of its keys in that engine. */
export interface Protection<This, Args extends readonly unknown[]> {
  /** For messages: `pay`. */
  readonly label: string
  readonly options: ProtectOptions<This, Args>
  scopeIn(once: OnceCall): string
}

/** Makes a function run once for each key. Options are checked here. @throws OnlyonceError OPTION_INVALID */
export function protect<This, Args extends readonly unknown[], Value>(
  fn: AsyncMethod<This, Args, Value>,
  { label, options, scopeIn }: Protection<This, Args>,
): AsyncMethod<This, Args, Value> {
  const callOptions = callOptionsOf(options)
  if (options.promise !== true && !isAsync(fn)) {
    throw new OnlyonceError(
      'OPTION_INVALID',
      `${label} is not declared \`async\`, and would answer a promise from now on: declare it so, or say \`promise: true\` if ` +
        'it answers one already',
    )
  }
  if (isOnce(options.once)) scopeIn(options.once)

  async function once(this: This, ...args: Args): Promise<Value> {
    const engine = engineOf(label, options, this)
    const scope = scopeIn(engine)
    const key = keyOf(label, () => options.key.call(this, ...args))
    // The engine refuses what is not a key.
    const named = typeof key === 'object' && key !== null ? keyInScope(key, key.scope ?? scope) : { key, scope }
    const call = options.check === undefined ? engine : checkFirst(engine, options.check)
    return call(named, (op) => runAs(op, () => fn.call(this, ...args)), callOptions)
  }
  Object.defineProperty(once, 'name', { value: fn.name, configurable: true })
  Object.defineProperty(once, 'length', { value: fn.length, configurable: true })
  return once
}

function engineOf<This, Args extends readonly unknown[]>(
  label: string,
  { once }: ProtectOptions<This, Args>,
  self: This,
): OnceCall {
  const engine = isOnce(once) ? once : (once as (self: unknown) => OnceCall)(self)
  if (isOnce(engine)) return engine
  throw invalidOption('once', `of ${label} answered no engine when it was called`, engine)
}

function keyOf(label: string, make: () => KeyInput): KeyInput {
  let key: KeyInput
  try {
    key = make()
  } catch (error) {
    throw OnlyonceError.from(
      error,
      'KEY_INVALID',
      `the key of ${label} could not be made (${reasonOf(error)}); nothing was run`,
    )
  }
  if (typeof Object(key).then !== 'function') return key
  throw new OnlyonceError('KEY_INVALID', `the key of ${label} is a promise: make it from the arguments alone`)
}

function isAsync(fn: unknown): boolean {
  return Object.prototype.toString.call(fn) === '[object AsyncFunction]'
}
