import { createHash, hash } from 'node:crypto'
import { types } from 'node:util'
import { canonicalJson } from './canonical-json.ts'

/** The fingerprint of an operation without a payload. It equals no fingerprint of a payload. */
export const NO_FINGERPRINT = ''

const VERSION = '1'

// Neither tag is a prefix of the other, so no JSON text and no bytes can ever feed the hash the same input.
const JSON_DOMAIN = `onlyonce fingerprint ${VERSION} json\n`
const BYTES_DOMAIN = `onlyonce fingerprint ${VERSION} bytes\n`

/**
 * A short digest that is equal for equal payloads: `1:` and the SHA-256 of the payload in base64url.
 *
 * An `ArrayBuffer` or a view of one (`Buffer`, `Uint8Array`, …) counts as its raw bytes; anything else as canonical
 * JSON, where member order does not matter. Bytes never equal JSON: the bytes `{}` are not the object `{}`.
 * @throws OnlyonceError `KEY_INVALID` when the payload is neither bytes nor JSON; see `canonicalJson`.
 */
export function fingerprintOf(payload: unknown): string {
  const bytes = bytesOf(payload)
  const digest =
    bytes === undefined
      ? hash('sha256', JSON_DOMAIN + canonicalJson(payload), 'base64url')
      : createHash('sha256').update(BYTES_DOMAIN).update(bytes).digest('base64url')
  return `${VERSION}:${digest}`
}

function bytesOf(payload: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(payload)) return new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength)
  if (types.isAnyArrayBuffer(payload)) return new Uint8Array(payload)
  return undefined
}
