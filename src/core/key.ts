import { hash } from 'node:crypto'
import { OnlyonceError, reasonOf } from './errors.ts'
import { fingerprintOf, NO_FINGERPRINT } from './fingerprint.ts'
import type { OperationId } from './record.ts'
import { describe, isPlainObject } from './value-path.ts'

/** How a caller names an operation. A bare string is a key in the engine's own scope, bound to no payload. */
export type KeyInput =
  | string
  | {
      readonly key: string
      /** Replaces the engine's scope for this call. */
      readonly scope?: string
      /** What the key must stay bound to: hashed into the fingerprint, not stored. */
      readonly payload?: unknown
      /** A fingerprint made elsewhere, at most 255 characters. Give this or `payload`. */
      readonly fingerprint?: string
    }

export interface OperationKey {
  readonly id: OperationId
  readonly scope: string
  readonly key: string
  readonly fingerprint: string
}

export const MAX_SCOPE_LENGTH = 255
const MAX_FINGERPRINT_LENGTH = 255

/** Scopes that begin with this are the engine's own, so that a lock and a result never share a record. */
export const RESERVED_SCOPE_MARK = '!'

/** The scope of the locks of `exclusive`, and of the records in which the inbox counts the starts of messages. */
export const lockScope = (scope: string): string => `${RESERVED_SCOPE_MARK}lock:${scope}`

export const isLock = ({ scope }: Pick<OperationKey, 'scope'>): boolean => scope.startsWith(lockScope(''))

/** What a missing value or an object becomes in string concatenation: `order:undefined`, `user-[object Object]`. */
const LEFTOVER = /\[object \w+\]|(?<![\p{L}\p{N}])(?:undefined|null|NaN|Invalid Date)(?![\p{L}\p{N}])/u
/** A cheap test before `LEFTOVER`, at a tenth of the cost: every text that matches that matches this too. */
const MAYBE_LEFTOVER = /undefined|null|NaN|Invalid Date|\[object/

/** A checked key, which `resolveKey` returns as it is: a caller that needs the id before the call computes it once. */
export class ResolvedKey implements OperationKey {
  readonly id: OperationId
  readonly scope: string
  readonly key: string
  readonly fingerprint: string

  /** @throws OnlyonceError as `resolveKey` */
  constructor(input: KeyInput, defaultScope: string, maxKeyLength: number) {
    const { id, scope, key, fingerprint } = resolveKey(input, defaultScope, maxKeyLength)
    this.id = id
    this.scope = scope
    this.key = key
    this.fingerprint = fingerprint
  }
}

/**
 * Checks the caller's input and computes the operation's id.
 * @throws OnlyonceError KEY_MISSING, KEY_INVALID; OPTION_INVALID for a bad scope
 */
export function resolveKey(input: KeyInput, defaultScope: string, maxKeyLength: number): OperationKey {
  if (input instanceof ResolvedKey) return input
  const { key, scope, payload, fingerprint } = typeof input === 'string' ? { key: input } : fieldsOf(input)
  checkKey(key, maxKeyLength)
  if (scope !== undefined) checkScope(scope)
  if (fingerprint !== undefined && payload !== undefined) {
    throw new OnlyonceError('KEY_INVALID', `key ${quote(key)} came with both a payload and a fingerprint; give one`)
  }
  if (fingerprint !== undefined) checkFingerprint(fingerprint, key)
  const bound = fingerprint ?? (payload === undefined ? NO_FINGERPRINT : fingerprintOf(payload))
  const within = scope ?? defaultScope
  return { id: operationId(within, key), scope: within, key, fingerprint: bound }
}

/**
 * Returns a copy in another scope, or in none of its own. Its members may be inherited, as the getters of a class are, and
 * a spread would lose them: without its payload a key is bound to nothing.
 */
export function keyInScope(input: Exclude<KeyInput, string>, scope?: string): Exclude<KeyInput, string> {
  const { key, payload, fingerprint } = input
  const { scope: _, ...own } = input
  return {
    ...own,
    ...{ key, ...(scope === undefined ? {} : { scope }) },
    ...(payload === undefined ? {} : { payload }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  }
}

/** Length-prefixed, so that ("a", "bc") and ("ab", "c") differ; over bytes, so that case, accents and NUL count. */
export function operationId(scope: string, key: string): OperationId {
  if (typeof scope !== 'string' || typeof key !== 'string')
    throw new OnlyonceError('KEY_INVALID', `an id is made of two texts; got ${quote(scope)} and ${quote(key)}`)
  const named = `${Buffer.byteLength(scope)}:${scope}${Buffer.byteLength(key)}:${key}`
  return hash('sha256', named, 'hex').slice(0, 32)
}

/** @throws OnlyonceError OPTION_INVALID */
export function checkScope(scope: unknown): asserts scope is string {
  const wrong = (rule: string) => {
    throw new OnlyonceError('OPTION_INVALID', `option \`scope\` ${rule}; got ${quote(scope)}`)
  }
  if (typeof scope !== 'string' || scope.trim() === '') {
    wrong('is required: name what keys are unique within, such as the tenant and route, or the consumer')
  } else if (scope.length > MAX_SCOPE_LENGTH) wrong(`must not be longer than ${MAX_SCOPE_LENGTH} characters`)
  else if (!scope.isWellFormed()) wrong('must be well-formed Unicode')
  else if (scope.startsWith(RESERVED_SCOPE_MARK))
    wrong(`must not begin with \`${RESERVED_SCOPE_MARK}\`, which is reserved`)
  else if (leftoverOf(scope) !== undefined) wrong('contains what is left of a missing value')
}

/** Returns what a missing value or an object has left in a text; `undefined` when there is nothing of the kind. */
export function leftoverOf(text: string): string | undefined {
  return MAYBE_LEFTOVER.test(text) ? LEFTOVER.exec(text)?.[0] : undefined
}

function checkKey(key: unknown, maxLength: number): asserts key is string {
  if (key === undefined || key === null)
    throw new OnlyonceError('KEY_MISSING', 'no key was given: it names the operation')
  if (typeof key !== 'string') throw noText(key)
  if (key.trim() === '') throw new OnlyonceError('KEY_MISSING', 'the key is empty: it names the operation')
  if (key.length > maxLength) {
    throw new OnlyonceError('KEY_INVALID', `a key must not be longer than ${maxLength} characters; got ${key.length}`)
  }
  if (!key.isWellFormed()) throw new OnlyonceError('KEY_INVALID', `key ${quote(key)} is not well-formed Unicode`)
  const leftover = leftoverOf(key)
  if (leftover !== undefined) {
    throw new OnlyonceError(
      'KEY_INVALID',
      `key ${quote(key)} contains \`${leftover}\`, what is left of a missing value: operations that differ would share it`,
    )
  }
}

function checkFingerprint(fingerprint: unknown, key: string): void {
  if (typeof fingerprint === 'string' && fingerprint !== '' && fingerprint.length <= MAX_FINGERPRINT_LENGTH) return
  throw new OnlyonceError('KEY_INVALID', `the fingerprint of key ${quote(key)} must be a string of 1 to 255 characters`)
}

function fieldsOf(input: unknown): Exclude<KeyInput, string> {
  if (input === undefined || input === null)
    throw new OnlyonceError('KEY_MISSING', 'no key was given: it names the operation')
  if (typeof input !== 'object') throw noText(input)
  const fields = input as Exclude<KeyInput, string>
  if (fields.key === undefined && !isPlainObject(input)) throw noText(input)
  refuseUnknownMember(input)
  return fields
}

function noText(given: unknown): OnlyonceError {
  const got =
    typeof Object(given).then === 'function'
      ? 'a promise: await it'
      : `${typeof given === 'object' ? describe(given) : typeof given}: convert it where its meaning is known`
  return new OnlyonceError('KEY_INVALID', `a key must be a string; got ${got}`)
}

/** A `payload` that is misspelt would bind nothing. `in`, which walks over inherited members too, because it makes no list. */
function refuseUnknownMember(input: object): void {
  for (const name in input) {
    const known = name === 'key' || name === 'scope' || name === 'payload' || name === 'fingerprint'
    if (!known && Object.hasOwn(input, name)) {
      throw new OnlyonceError(
        'KEY_INVALID',
        `a key object has no member ${quote(name)}; there are key, scope, payload, fingerprint`,
      )
    }
  }
}

/** A value as it may stand in a message: short, on one line; of an object the names of its members. Never throws. */
export function quote(value: unknown): string {
  const told = typeof value === 'string' ? JSON.stringify(value) : reasonOf(value)
  const text = (told === '[object Object]' ? membersOf(value) : told).replace(/\s+/g, ' ')
  return text.length <= 80 ? text : `${text.slice(0, 77)}…`
}

function membersOf(value: unknown): string {
  try {
    const names = Object.keys(Object(value))
    return names.length === 0 ? '{}' : `{ ${names.join(', ')} }`
  } catch {
    return 'an object that cannot be printed'
  }
}
