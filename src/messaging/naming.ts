import { hash } from 'node:crypto'
import { checkScope } from '../core/key.ts'
import type { Named } from './course.ts'
import type { Delivery } from './delivery.ts'
import type { InboxRules } from './inbox-options.ts'

const READABLE = 200

/**
 * The operation that a delivery stands for. The function throws what `key`, `scope` and `fingerprint` throw, and
 * OnlyonceError OPTION_INVALID for a scope that is empty or is what is left of a missing value.
 */
export function naming(
  consumerScope: string,
  { key = 'id', scope, fingerprint }: Pick<InboxRules, 'key' | 'scope' | 'fingerprint'>,
): (delivery: Delivery) => Named {
  const keyOf = typeof key === 'function' ? key : key === 'id' ? ({ id }: Delivery) => id : coordinatesOf
  return (delivery) => {
    const key = keyOf(delivery)
    const within = scope === undefined ? consumerScope : scopeWithin(consumerScope, scope(delivery))
    if (fingerprint === undefined) return { key, scope: within, payload: delivery.body }
    return { key, scope: within, fingerprint: fingerprint(delivery) }
  }
}

function coordinatesOf({ coordinates }: Delivery): string {
  if (coordinates === undefined) throw new Error('this broker has no coordinates: give `key` a function')
  return coordinates
}

/**
 * A consumer's name has no slash, and here neither has the part before it, so read from the right it is always clear
 * which part is which.
 * @throws OnlyonceError OPTION_INVALID
 */
export function scopeWithin(consumerScope: string, part: string): string {
  checkScope(part)
  const slash = consumerScope.lastIndexOf('/')
  const encoded = encodeURIComponent(part)
  const short = encoded.length <= READABLE ? `:${encoded}` : `#${hash('sha256', part, 'hex')}`
  const within = `${consumerScope.slice(0, slash)}${short}${consumerScope.slice(slash)}`
  checkScope(within)
  return within
}
