import { types } from 'node:util'
import { refuseCorrupt } from './codec-corrupt.ts'
import { decodeErrorFacts } from './codec-decode.ts'
import { encodeErrorFacts } from './codec-encode.ts'
import { ERROR_CODES, type ErrorCode, OnlyonceError } from './errors.ts'

const EXTRA_FACTS = ['code', 'data'] as const
const MAX_NAME_LENGTH = 200
const MAX_MESSAGE_LENGTH = 64 * 1024

/**
 * Encodes what an effect threw: its name, its message, and its own `code` and `data` when these are data.
 *
 * Never throws: what cannot be stored is left out, names and messages are cut at 200 and 65 536 characters, and a
 * thrown value that is no `Error` becomes one whose message is its text. Stack, cause and class are not kept.
 */
export function encodeError(error: unknown): Uint8Array {
  let facts: Readonly<Record<string, unknown>> = nameAndMessage(error)
  let encoded = encodeErrorFacts(facts)
  for (const fact of EXTRA_FACTS) {
    try {
      const member = Object.getOwnPropertyDescriptor(error, fact) ?? {}
      if (!('value' in member)) continue
      const more = { ...facts, [fact]: member.value }
      encoded = encodeErrorFacts(more)
      facts = more
    } catch {
      // Not serializable, or too large: keep the name and message without it.
    }
  }
  return encoded
}

/**
 * Reads what `encodeError` wrote, as an `Error` with the name it had. An `OnlyonceError` comes back as one when its code
 * is still in the table; no other class is revived. The stack is that of the reader.
 * @throws OnlyonceError `OUTCOME_UNKNOWN`, and nothing else, when the bytes are corrupt or of a newer version.
 */
export function decodeError(bytes: Uint8Array): Error {
  const facts = decodeErrorFacts(bytes)
  if (!hasNameAndMessage(facts)) refuseCorrupt('it is not an error')
  const error = isOurs(facts) ? new OnlyonceError(facts.code, facts.message) : foreignError(facts)
  for (const fact of EXTRA_FACTS) {
    if (Object.hasOwn(facts, fact)) Object.assign(error, { [fact]: facts[fact] })
  }
  return error
}

interface ErrorFacts {
  readonly name: string
  readonly message: string
  readonly code?: unknown
  readonly data?: unknown
}

function nameAndMessage(thrown: unknown): { name: string; message: string } {
  try {
    const isError = types.isNativeError(thrown) || thrown instanceof Error
    const name = isError ? String(thrown.name) : 'Error'
    const message = String(isError ? thrown.message : thrown)
    return { name: name.slice(0, MAX_NAME_LENGTH), message: message.slice(0, MAX_MESSAGE_LENGTH) }
  } catch {
    return { name: 'Error', message: 'a thrown value that cannot be printed' }
  }
}

function hasNameAndMessage(facts: unknown): facts is ErrorFacts {
  const { name, message } = Object(facts) as Partial<Record<keyof ErrorFacts, unknown>>
  return typeof name === 'string' && typeof message === 'string'
}

function isOurs(facts: ErrorFacts): facts is ErrorFacts & { readonly code: ErrorCode } {
  return facts.name === 'OnlyonceError' && typeof facts.code === 'string' && Object.hasOwn(ERROR_CODES, facts.code)
}

function foreignError({ name, message }: ErrorFacts): Error {
  // Not enumerable, as on Error.prototype: a printed error does not repeat its name.
  return Object.defineProperty(new Error(message), 'name', { value: name, configurable: true, writable: true })
}
