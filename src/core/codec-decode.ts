import { isUtf8 } from 'node:buffer'
import { corrupt, refuseCorrupt, refuseDepth, refuseName } from './codec-corrupt.ts'
import {
  type CodecLimits,
  DEFAULT_CODEC_LIMITS,
  FORMAT_VERSION,
  REPRESENTATION,
  type Representation,
  SEAL_KEY_ID,
} from './codec-format.ts'
import { revive } from './codec-revive.ts'
import { OnlyonceError } from './errors.ts'

const HEADER_BYTES = 2

/**
 * Reads what `encodeResult` wrote. Safe on anything a store may hold: it revives no classes and runs no code, every
 * object it builds is a plain `{}` of its own, and it looks no deeper than `maxDepth`.
 *
 * The limits are those of `encodeResult`: a value encoded with raised limits must be decoded with them.
 * @throws OnlyonceError `OUTCOME_UNKNOWN`, and nothing else, when the bytes are corrupt, over a limit, or written by a
 * newer version of this package.
 */
export function decodeResult(bytes: Uint8Array, limits: Partial<CodecLimits> = {}): unknown {
  return decode(bytes, [REPRESENTATION.json, REPRESENTATION.extended, REPRESENTATION.bytes], limits)
}

/** As `decodeResult`, for what `encodeErrorFacts` wrote. */
export function decodeErrorFacts(bytes: Uint8Array): unknown {
  return decode(bytes, [REPRESENTATION.error], {})
}

function decode(bytes: Uint8Array, expected: readonly Representation[], limits: Partial<CodecLimits>): unknown {
  const { maxBytes = DEFAULT_CODEC_LIMITS.maxBytes, maxDepth = DEFAULT_CODEC_LIMITS.maxDepth } = limits
  try {
    const representation = readHeader(bytes, expected)
    if (bytes.byteLength > maxBytes) refuseCorrupt(`it is larger than ${maxBytes} bytes`)
    // A copy: a driver may hand over a view of a buffer that it uses again.
    if (representation === REPRESENTATION.bytes) return new Uint8Array(bytes.subarray(HEADER_BYTES))
    const tree = parse(bytes)
    if (representation !== REPRESENTATION.json) return revive(tree, maxDepth)
    check(tree, maxDepth)
    return tree
  } catch (thrown) {
    throw OnlyonceError.is(thrown) ? thrown : corrupt('it cannot be read', thrown)
  }
}

function readHeader(bytes: Uint8Array, expected: readonly Representation[]): Representation {
  const version = bytes[0] ?? 0
  const letter = String.fromCharCode(bytes[1] ?? 0)
  if (version > FORMAT_VERSION) {
    const message = `the stored result was written by a newer version of onlyonce (format ${version}); upgrade onlyonce`
    throw new OnlyonceError('OUTCOME_UNKNOWN', `${message} here, and ask again`)
  }
  const representation = expected.find((candidate) => candidate === letter)
  if (version === FORMAT_VERSION && representation !== undefined) return representation
  if (version === FORMAT_VERSION) refuseSealed(bytes)
  return refuseCorrupt('its first two bytes are not ours')
}

/** What `sealedStore` wrote has the length of its key's id in the second byte, where the codec has a letter. */
function refuseSealed(bytes: Uint8Array): void {
  const length = bytes[1] ?? 0
  const id = Buffer.from(bytes.subarray(HEADER_BYTES, HEADER_BYTES + length)).toString('latin1')
  if (id.length < length || !SEAL_KEY_ID.test(id)) return
  throw new OnlyonceError(
    'OUTCOME_UNKNOWN',
    `the stored result is sealed with the key ${id} and was asked for without it; it is not damaged: read it through ` +
      '`sealedStore`, as the process does that wrote it, and do not forget the operation',
  )
}

function parse(bytes: Uint8Array): unknown {
  // Buffer would silently replace invalid UTF-8 by U+FFFD, which is not the result that was stored.
  if (!isUtf8(bytes)) refuseCorrupt('it is not UTF-8')
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8', HEADER_BYTES))
}

/** Checks parsed JSON against the rules of the encoder: depth and member names. */
function check(value: unknown, depthLeft: number): void {
  if (typeof value !== 'object' || value === null) return
  refuseDepth(depthLeft)
  if (Array.isArray(value)) {
    // The loop below would do for arrays too; this one is far faster.
    for (const item of value) check(item, depthLeft - 1)
    return
  }
  const object = value as Readonly<Record<string, unknown>>
  for (const name of Object.keys(object)) {
    refuseName(name)
    check(object[name], depthLeft - 1)
  }
}
