import { isUtf8 } from 'node:buffer'
import { OnlyonceError } from '../core/errors.ts'
import type { HeaderField, HttpReply, Omitted } from './call.ts'
import { FIELD_NAME, FIELD_VALUE, NEVER_REPLAYED } from './header-rules.ts'

/** A reply as the store keeps it. Text stays text, so that a person who looks at the record can read it. */
export interface StoredReply {
  readonly status: number
  readonly headers: readonly HeaderField[]
  readonly body?: string | Uint8Array
  readonly omitted?: Omitted
  /** The fingerprint of the request, if the record's own is that of a one-time token. */
  readonly request?: string
}

const OMITTED: readonly unknown[] = [
  'too-long',
  'event-stream',
  'cut-off',
  'not-redacted',
  'not-known',
] satisfies Omitted[]

/** Converts a reply for the store, with only the headers that may be replayed. */
export function toStored({ status, headers, body, omitted }: HttpReply, kept: ReadonlySet<string>): StoredReply {
  const fields = headers.filter(([name]) => kept.has(name))
  if (body === undefined) return { status, headers: fields, omitted: omitted ?? 'too-long' }
  if (body.length === 0) return { status, headers: fields }
  return { status, headers: fields, body: isReadable(body) ? text(body) : body }
}

/** The longest body that always fits into a result: bytes are stored as base64, which adds a third. */
export const LONGEST_BODY = 700_000
/** JSON escapes a control character as six characters; up to this length, a body of nothing else still fits. */
const ALWAYS_FITS = 100_000

/** Whether a body is stored as text: it is UTF-8 and, if long, no longer as JSON than as base64. */
function isReadable(body: Uint8Array): boolean {
  if (!isUtf8(body)) return false
  return body.length <= ALWAYS_FITS || Buffer.byteLength(JSON.stringify(text(body))) <= (body.length * 4) / 3
}

/**
 * Converts a stored value back. Others may write to the store, so nothing of it reaches a client unchecked.
 * @throws OnlyonceError OUTCOME_UNKNOWN when it is no valid reply
 */
export function fromStored(value: unknown): HttpReply {
  if (value === undefined) return NOT_KNOWN
  const { status, headers, body, omitted } = Object(value) as Partial<StoredReply>
  if (!isReply({ status, headers, body })) throw unreadable()
  const known = { status: status as number, headers: replayable(headers as readonly HeaderField[]) }
  if (omitted === undefined) {
    const bytes = typeof body === 'string' ? Buffer.from(body) : (body ?? NOTHING)
    // Not by spreading, which costs more than all the rest.
    return { status: known.status, headers: known.headers, body: bytes }
  }
  if (!OMITTED.includes(omitted)) throw unreadable()
  return { ...known, body: undefined, omitted }
}

/** Somebody who resolves an operation by hand may give all headers of an answer that they have seen. */
function replayable(headers: readonly HeaderField[]): readonly HeaderField[] {
  return headers.some(isNever) ? headers.filter((field) => !isNever(field)) : headers
}

const isNever = ([name]: HeaderField): boolean => NEVER_REPLAYED.has(name.toLowerCase())

/** Whether these can be sent as an answer. */
export function isReply({ status, headers, body }: Partial<Record<'status' | 'headers' | 'body', unknown>>): boolean {
  const right =
    Number.isInteger(status) &&
    Number(status) >= 200 &&
    Number(status) <= 599 &&
    Array.isArray(headers) &&
    headers.every(isField)
  return right && (body === undefined || typeof body === 'string' || body instanceof Uint8Array)
}

const NOTHING = new Uint8Array(0)

/** For an operation that an operator resolved as done: how it was answered is seldom known. */
const NOT_KNOWN: HttpReply = Object.freeze({ status: 200, headers: [], body: undefined, omitted: 'not-known' })

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

function isField(field: unknown): boolean {
  if (!Array.isArray(field) || field.length !== 2) return false
  const name: unknown = field[0]
  const value: unknown = field[1]
  return typeof name === 'string' && FIELD_NAME.test(name) && typeof value === 'string' && FIELD_VALUE.test(value)
}

function unreadable(): OnlyonceError {
  return new OnlyonceError(
    'OUTCOME_UNKNOWN',
    'the stored result is not an HTTP answer: it was damaged, or written by something that uses the same scope and key',
  )
}
