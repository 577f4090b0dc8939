/** The first byte of everything the codec writes. A reader that finds a larger one is too old for it. */
export const FORMAT_VERSION = 1

/** The second byte: how the rest is to be read. Printable, so that a hex dump of a store explains itself. */
export const REPRESENTATION = Object.freeze({
  /** Plain JSON text. */
  json: 'J',
  /** JSON text in which every array is `[tag, …]`; see `ARRAY_TAGS`. */
  extended: 'X',
  /** The bytes themselves. */
  bytes: 'B',
  /** An error: extended JSON of `{ name, message, code?, data? }`. */
  error: 'E',
} as const)

export type Representation = (typeof REPRESENTATION)[keyof typeof REPRESENTATION]

/** The id of a key of `sealedStore`. It is shorter than the code of any letter of `REPRESENTATION`. */
export const SEAL_KEY_ID: RegExp = /^[A-Za-z0-9._-]{1,32}$/

/**
 * What an array means in extended JSON. Every array there starts with one of these tags, so no user's array can be
 * mistaken for a tagged value, and nothing needs escaping.
 */
export type ArrayTag =
  /** `['array', …items]` */
  | 'array'
  /** `['set', …items]` */
  | 'set'
  /** `['map', key, value, key, value, …]` */
  | 'map'
  /** `['literal', name]`, one of the names in `LITERALS` */
  | 'literal'
  /** `['bigint', '-ff']`, hexadecimal: decimal costs quadratic time for long numbers */
  | 'bigint'
  /** `['date', milliseconds]`, `null` for an invalid date */
  | 'date'
  /** `['bytes', base64]` */
  | 'bytes'

/** Values that JSON cannot represent. */
export const LITERALS: ReadonlyMap<unknown, unknown> = new Map<string, unknown>([
  ['undefined', undefined],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['-0', -0],
])

/** Member names through which careless code, ours or the caller's, can reach a prototype. */
export function isDangerousName(name: string): boolean {
  return name === '__proto__' || name === 'constructor' || name === 'prototype'
}

export interface CodecLimits {
  /** The size of the encoded value in bytes. */
  readonly maxBytes: number
  /** How many arrays, objects, maps and sets may be nested in one another. */
  readonly maxDepth: number
}

export const DEFAULT_CODEC_LIMITS: CodecLimits = Object.freeze({ maxBytes: 1024 * 1024, maxDepth: 100 })
