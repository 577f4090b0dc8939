import { OnlyonceError } from '../core/errors.ts'
import { quote } from '../core/key.ts'

/** A bare word, or a structured-field string (RFC 9651 §3.3.3). No commas: repeated headers are joined with one. */
const BARE = /^[\x21\x23-\x2b\x2d-\x7e]+$/
const QUOTED = /^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/

/** @throws OnlyonceError KEY_INVALID */
export function keyOfMetadata(value: string, maxLength: number): string {
  const [, inner] = value.length > maxLength * 2 + 2 ? [] : (QUOTED.exec(value) ?? [])
  const key = inner?.replace(/\\(.)/g, '$1') ?? (BARE.test(value) ? value : undefined)
  if (key !== undefined && key !== '') return key
  throw new OnlyonceError('KEY_INVALID', `the key must be one value of visible ASCII; got ${quote(value)}`)
}
