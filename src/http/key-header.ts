import { OnlyonceError } from '../core/errors.ts'
import { quote } from '../core/key.ts'

/** `'lenient'`: a structured-field string or a bare word. `'strict'`: only that string, as in the draft. */
export type KeySyntax = 'lenient' | 'strict'

/** RFC 9651 §3.3.3: printable ASCII between quotes, where only `"` and `\` are escaped; parameters may follow. */
const STRING = /^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"(.*)$/
/** Parameters (RFC 9651 §3.1.2). They are ignored, but their values must be well-formed bare items. */
const PARAMETERS =
  /^(?:; *[a-z*][a-z0-9_.*-]*(?:=(?:"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"|\?[01]|@-?\d{1,15}|-?\d{1,12}\.\d{1,3}|-?\d{1,15}|:(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?:|[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*))?)*$/
/** A bare key, as Stripe-style clients send it: visible ASCII except `"`, `,`, `;` and `\`. */
const BARE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/
/** Printable ASCII and tabs. */
const PLAIN = /^[\t\x20-\x7e]*$/

/**
 * Returns the key of an `Idempotency-Key` field. Two field lines, which arrive joined by a comma, are refused: it is
 * unknown which of them is meant.
 * @throws OnlyonceError KEY_INVALID; KEY_MISSING when it is empty
 */
export function parseKeyHeader(field: string, syntax: KeySyntax, maxLength: number): string {
  const text = field.trim()
  if (text === '') throw empty()
  // Before any pattern runs on it. Every character of the key may be escaped; 64 characters are left for parameters.
  if (text.length > maxLength * 2 + 64) throw tooLong(maxLength)
  const key = text.startsWith('"') ? unquoted(text) : syntax === 'lenient' && BARE.test(text) ? text : undefined
  // `trim` takes away what must not stand around a field, too, such as a no-break space (RFC 9110 §5.5).
  const isPlain = text === field || PLAIN.test(field)
  if (key === undefined || !isPlain) {
    const wanted = syntax === 'strict' ? 'a string in double quotes' : 'visible ASCII, in double quotes or bare'
    throw new OnlyonceError('KEY_INVALID', `the key must be one value, ${wanted}; got ${quote(field)}`)
  }
  if (key.trim() === '') throw empty()
  if (key.length > maxLength) throw tooLong(maxLength)
  return key
}

function unquoted(text: string): string | undefined {
  const [, inner, rest] = STRING.exec(text) ?? []
  if (inner === undefined || rest === undefined || !PARAMETERS.test(rest)) return undefined
  return inner.includes('\\') ? inner.replace(/\\(.)/g, '$1') : inner
}

function empty(): OnlyonceError {
  return new OnlyonceError('KEY_MISSING', 'the header is there, but its key is empty')
}

function tooLong(maxLength: number): OnlyonceError {
  return new OnlyonceError('KEY_INVALID', `the key is longer than ${maxLength} characters`)
}
