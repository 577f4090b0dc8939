import { createHash, hash } from 'node:crypto'
import { types } from 'node:util'
import { canonicalJson } from './canonical-json.ts'
import { OnlyonceError, reasonOf } from './errors.ts'

/** The fingerprint of an operation without a payload. It equals no fingerprint of a payload. */
export const NO_FINGERPRINT = ''

const VERSION = '1'

// Neither tag is a prefix of the other, so JSON text and bytes never give the hash the same input.
const JSON_DOMAIN = `onlyonce fingerprint ${VERSION} json\n`
const BYTES_DOMAIN = `onlyonce fingerprint ${VERSION} bytes\n`

/**
 * Returns the fingerprint of a payload: `1:` and its SHA-256 in base64url.
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
      : bytes.length <= SMALL
        ? digestOfSmall(bytes)
        : createHash('sha256').update(BYTES_DOMAIN).update(bytes).digest('base64url')
  return `${VERSION}:${digest}`
}

/** Up to this size in bytes, copying the payload behind its tag costs less than two updates of a hash. */
const SMALL = 4096
const small = Buffer.allocUnsafe(BYTES_DOMAIN.length + SMALL)
small.write(BYTES_DOMAIN)

function digestOfSmall(bytes: Uint8Array): string {
  small.set(bytes, BYTES_DOMAIN.length)
  return hash('sha256', small.subarray(0, BYTES_DOMAIN.length + bytes.length), 'base64url')
}

function bytesOf(payload: unknown): Uint8Array | undefined {
  try {
    if (ArrayBuffer.isView(payload)) return new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength)
    if (types.isAnyArrayBuffer(payload)) return new Uint8Array(payload)
  } catch (error) {
    // The buffer is detached: it was transferred to another thread.
    throw new OnlyonceError('KEY_INVALID', `payload cannot be read: ${reasonOf(error)}`, { cause: error })
  }
  return undefined
}
