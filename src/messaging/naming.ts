import { hash } from 'node:crypto'
import { checkScope, MAX_SCOPE_LENGTH } from '../core/key.ts'
import { invalidOption } from '../core/option-rules.ts'
import type { Named } from './course.ts'
import type { Delivery } from './delivery.ts'
import type { InboxRules } from './inbox-options.ts'

const READABLE = 200
/** Length of a hashed part, used when the readable one is too long, with its mark. */
const HASHED = 65

/**
 * Returns the function that maps a delivery to its operation. That function throws what `key`, `scope` and
 * `fingerprint` throw, and OnlyonceError OPTION_INVALID for a scope that is empty or made from a missing value.
 * @throws OnlyonceError OPTION_INVALID when the consumer's own scope leaves no room for another part
 */
export function naming(
  consumerScope: string,
  { key = 'id', scope, fingerprint }: Pick<InboxRules, 'key' | 'scope' | 'fingerprint'>,
): (delivery: Delivery) => Named {
  if (scope !== undefined && consumerScope.length + HASHED > MAX_SCOPE_LENGTH) {
    const rule = `needs an engine's scope and a name that are ${MAX_SCOPE_LENGTH - HASHED} characters together at most, with \`/inbox/\``
    throw invalidOption('scope', rule, `${consumerScope.length} characters`)
  }
  const keyOf = typeof key === 'function' ? key : key === 'id' ? ({ id }: Delivery) => id : coordinatesOf
  return (delivery) => {
    const key = keyOf(delivery)
    const within = scope === undefined ? consumerScope : scopeWithin(consumerScope, scope(delivery))
    if (fingerprint === undefined) return { key, scope: within, payload: delivery.body }
    // Nothing, such as a header that is missing, is refused like an empty text: without a fingerprint any other message
    // with the key would count as a copy.
    return { key, scope: within, fingerprint: fingerprint(delivery) ?? '' }
  }
}

function coordinatesOf({ coordinates }: Delivery): string {
  if (coordinates === undefined) throw new Error('this broker has no coordinates: give `key` a function')
  return coordinates
}

/**
 * Inserts `part` before the consumer's name. Neither of them contains a slash, so read from the right it is always
 * clear which part is which.
 * @throws OnlyonceError OPTION_INVALID
 */
export function scopeWithin(consumerScope: string, part: string): string {
  checkScope(part)
  const slash = consumerScope.lastIndexOf('/')
  const encoded = encodeURIComponent(part)
  const room = Math.min(READABLE, MAX_SCOPE_LENGTH - consumerScope.length - 1)
  const short = encoded.length <= room ? `:${encoded}` : `#${hash('sha256', part, 'hex')}`
  const within = `${consumerScope.slice(0, slash)}${short}${consumerScope.slice(slash)}`
  checkScope(within)
  return within
}
