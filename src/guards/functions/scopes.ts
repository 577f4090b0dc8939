import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import type { OnceCall } from '../natural/check-first.ts'

/** For each engine, the methods whose scope is derived from their name, by scope. */
const taken = new WeakMap<object, Map<string, object>>()

/**
 * Returns the default scope of a method: that of the engine and the method's name. Two methods with the same name would
 * answer each other's calls, so the second is refused.
 * @throws OnlyonceError OPTION_INVALID
 */
export function scopeByName(once: OnceCall, name: string, holder: object): string {
  const scopes = taken.get(once) ?? new Map<string, object>()
  taken.set(once, scopes)
  const scope = `${once.options.scope}/${name}`
  const other = scopes.get(scope)
  if (other !== undefined && other !== holder) {
    throw new OnlyonceError(
      'OPTION_INVALID',
      `two methods are called ${quote(name)} and have the scope ${quote(scope)}, so each would answer the calls of the other: ` +
        'give one of them a `scope`',
    )
  }
  scopes.set(scope, holder)
  return scope
}
