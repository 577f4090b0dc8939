import { types } from 'node:util'
import {
  type ArrayTag,
  type CodecLimits,
  DEFAULT_CODEC_LIMITS,
  FORMAT_VERSION,
  REPRESENTATION,
  type Representation,
} from './codec-format.ts'
import { isDate, isMap, isSet, Survey } from './codec-survey.ts'
import { OnlyonceError, reasonOf } from './errors.ts'
import { isPlainArray } from './value-path.ts'

/**
 * Encodes what an effect returned, so that `decodeResult` gives back an equal value that shares nothing with it.
 *
 * Takes any JSON value and `undefined`, `NaN`, `±Infinity`, `-0`, `Date`, `bigint`, `Uint8Array`, `Map`, `Set`. A `Buffer`
 * comes back as a `Uint8Array`, an object without prototype as `{}`, a shared reference as copies. Non-enumerable
 * members, and members of an array that are not items, are not kept. Default limits: 1 MiB, 100 levels.
 * @throws OnlyonceError `RESULT_UNSERIALIZABLE` with the path of anything else: functions, symbols, class instances,
 * cycles, holes, getters, symbol keys, members named `__proto__`, `constructor` or `prototype`, a limit exceeded.
 */
export function encodeResult(value: unknown, limits: Partial<CodecLimits> = {}): Uint8Array {
  return encode(value, limits)
}

/** As `encodeResult`, for the facts about an error; another representation byte tells them from results. */
export function encodeErrorFacts(facts: Readonly<Record<string, unknown>>): Uint8Array {
  return encode(facts, {}, REPRESENTATION.error)
}

function encode(value: unknown, limits: Partial<CodecLimits>, representation?: Representation): Uint8Array {
  const { maxBytes = DEFAULT_CODEC_LIMITS.maxBytes, maxDepth = DEFAULT_CODEC_LIMITS.maxDepth } = limits
  const survey = new Survey({ maxBytes, maxDepth })
  try {
    survey.visit(value)
    const encoded = types.isUint8Array(value)
      ? Buffer.concat([Buffer.from(header(REPRESENTATION.bytes)), value])
      : encodeText(value, representation ?? (survey.needsExtension ? REPRESENTATION.extended : REPRESENTATION.json))
    if (encoded.byteLength > maxBytes) survey.refuseSize()
    return encoded
  } catch (thrown) {
    // A proxy can throw on any access, and its second answer can differ from its first.
    const message = `${survey.trail} cannot be read: ${reasonOf(thrown)}`
    throw OnlyonceError.from(thrown, 'RESULT_UNSERIALIZABLE', message)
  }
}

function encodeText(value: unknown, representation: Representation): Uint8Array {
  const text = JSON.stringify(representation === REPRESENTATION.json ? value : extend(value))
  return Buffer.from(header(representation) + text)
}

function header(representation: Representation): string {
  return String.fromCharCode(FORMAT_VERSION) + representation
}

/** Converts a surveyed value into extended JSON. */
function extend(value: unknown): unknown {
  switch (typeof value) {
    case 'undefined':
      return tagged('literal', ['undefined'])
    case 'bigint':
      return tagged('bigint', [value.toString(16)])
    case 'number':
      if (Object.is(value, -0)) return tagged('literal', ['-0'])
      return Number.isFinite(value) ? value : tagged('literal', [String(value)])
    case 'object':
      return value === null ? null : extendObject(value)
    default:
      return value
  }
}

function extendObject(value: object): unknown {
  if (isPlainArray(value)) return tagged('array', value.map(extend))
  if (types.isUint8Array(value)) return tagged('bytes', [Buffer.from(value).toString('base64')])
  // JSON writes the NaN of an invalid date as null.
  if (isDate(value)) return tagged('date', [value.getTime()])
  if (isMap(value)) return tagged('map', [...value].flat(1).map(extend))
  if (isSet(value)) return tagged('set', [...value].map(extend))
  // A copy with own members, so that assigning to them cannot run an inherited setter.
  const members: Record<string, unknown> = { ...value }
  for (const name of Object.keys(members)) members[name] = extend(members[name])
  return members
}

function tagged(tag: ArrayTag, parts: readonly unknown[]): unknown[] {
  return [tag, ...parts]
}
