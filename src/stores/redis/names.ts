import { packText, unpackText } from '../../core/stored-text.ts'
import type { ByteWriter } from './bytes.ts'

// Compact encodings of the texts of a record. Each text has exactly one, so that equal texts are equal bytes.

const TEXT = 0
/** For an owner as made by the engine, 32 hex digits, and its fingerprints, `1:` and a SHA-256 in base64url. */
const PACKED = 1

const HEX_128 = /^[0-9a-f]{32}$/
/** The last of the 43 digits has two unused bits, which are zero in the canonical form. */
const SHA_256 = /^1:[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/
const OUR_PRINT = '1:'

export function writeOwner(to: ByteWriter, owner: string): void {
  const packed = HEX_128.test(owner)
  to.number(packed ? PACKED : TEXT, 1)
  if (packed) to.text(owner, 'hex')
  else to.text(packText(owner))
}

export function readOwner(bytes: Buffer): string {
  return bytes[0] === PACKED ? bytes.toString('hex', 1) : unpackText(bytes.toString('utf8', 1))
}

/** Writes nothing for an operation without a payload. */
export function writeFingerprint(to: ByteWriter, fingerprint: string): void {
  if (fingerprint === '') return
  const packed = SHA_256.test(fingerprint)
  to.number(packed ? PACKED : TEXT, 1)
  if (packed) to.text(fingerprint.slice(OUR_PRINT.length), 'base64url')
  else to.text(packText(fingerprint))
}

export function readFingerprint(bytes: Buffer): string {
  if (bytes.length === 0) return ''
  return bytes[0] === PACKED ? `${OUR_PRINT}${bytes.toString('base64url', 1)}` : unpackText(bytes.toString('utf8', 1))
}

const HAS_SCOPE = 1
const HAS_KEY = 2

/** Writes flags for which of the two are present, the length of the scope, then both. */
export function writeNames(to: ByteWriter, scope: string | undefined, key: string | undefined): void {
  if (scope === undefined && key === undefined) return
  to.number((scope === undefined ? 0 : HAS_SCOPE) + (key === undefined ? 0 : HAS_KEY), 1)
  const length = to.length
  to.number(0, 2)
  to.text(packText(scope ?? ''))
  to.number(to.length - length - 2, 2, length)
  to.text(packText(key ?? ''))
}

export function readNames(bytes: Buffer): { readonly scope?: string; readonly key?: string } {
  if (bytes.length === 0) return {}
  const flags = bytes[0] as number
  const key = 3 + bytes.readUInt16BE(1)
  return {
    ...(flags & HAS_SCOPE ? { scope: unpackText(bytes.toString('utf8', 3, key)) } : {}),
    ...(flags & HAS_KEY ? { key: unpackText(bytes.toString('utf8', key)) } : {}),
  }
}
