import { OnlyonceError } from '../core/errors.ts'
import { leftoverOf, quote, resolveKey } from '../core/key.ts'

/**
 * How a key is written into its header. `'bare'`: as it is, which needs visible ASCII. `'quoted'`: as a string of RFC
 * 9651, as in draft-ietf-httpapi-idempotency-key-header-07, which allows blanks.
 */
export type KeyFormat = 'bare' | 'quoted'

const MAX_KEY_LENGTH = 255
const VISIBLE_ASCII = /^[\x21\x23-\x7e][\x21-\x7e]*$/
const PRINTABLE_ASCII = /^[\x20-\x7e]+$/

/** For a key that the caller has put in the header: `Headers` makes `undefined` of one that is missing. */
export function checkOwnKey(header: string, given: string): void {
  const leftover = leftoverOf(given)
  if (leftover === undefined) return
  throw new OnlyonceError(
    'KEY_INVALID',
    `the header ${header} of the call has ${quote(given)}, what is left of a missing value: calls that differ would share it`,
  )
}

/**
 * Returns a key as header value: as it is, or as a structured-field string (RFC 9651), which escapes `"` and `\`.
 * @throws OnlyonceError KEY_MISSING, KEY_INVALID
 */
export function headerOf(given: string, format: KeyFormat): string {
  const { key } = resolveKey(given, 'client', MAX_KEY_LENGTH)
  if (!(format === 'bare' ? VISIBLE_ASCII : PRINTABLE_ASCII).test(key)) {
    const rule = format === 'bare' ? 'visible ASCII without blanks, and not begin with `"`' : 'printable ASCII'
    throw new OnlyonceError('KEY_INVALID', `key ${quote(key)} cannot be sent in a header: it must be ${rule}`)
  }
  return format === 'bare' ? key : `"${key.replace(/["\\]/g, '\\$&')}"`
}
