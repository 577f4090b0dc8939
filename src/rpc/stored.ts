import { OnlyonceError } from '../core/errors.ts'
import type { RpcError, RpcLibrary, WireDetail } from './library.ts'
import type { RpcMessageType } from './shapes.ts'

type Pairs = readonly (readonly [string, string])[]

interface Kept {
  readonly header: Pairs
  readonly trailer: Pairs
}

/** The end of a call as it is stored. */
export type StoredEnd =
  | (Kept & { readonly message: Uint8Array })
  | {
      readonly error: {
        readonly code: number
        readonly message: string
        readonly details: readonly WireDetail[]
        readonly metadata: Pairs
      }
    }
  | typeof NOT_KEPT

/** The response was too long, has no binary form, or was unknown to the operator who resolved the operation. */
export const NOT_KEPT: { readonly omitted: true } = Object.freeze({ omitted: true })

export interface Keeping {
  readonly maxBodyBytes: number
  readonly replayHeaders: readonly string[]
}

export function storedAnswer(
  message: Uint8Array,
  { header, trailer }: { readonly header: Headers; readonly trailer: Headers },
  { maxBodyBytes, replayHeaders }: Keeping,
): StoredEnd {
  if (message.byteLength > maxBodyBytes) return NOT_KEPT
  return { message, header: kept(header, replayHeaders), trailer: kept(trailer, replayHeaders) }
}

export function storedError(library: RpcLibrary, error: RpcError, { maxBodyBytes, replayHeaders }: Keeping): StoredEnd {
  const details = error.details.map((detail) => wireDetail(library, detail))
  const size = details.reduce((sum, { value }) => sum + value.byteLength, error.rawMessage.length)
  if (size > maxBodyBytes) return NOT_KEPT
  const { code, rawMessage: message, metadata } = error
  return { error: { code, message, details, metadata: kept(metadata, replayHeaders) } }
}

/**
 * Checks a stored end: others may write to the store, so nothing reaches a client unchecked.
 * @throws OnlyonceError OUTCOME_UNKNOWN
 */
export function readStored(value: unknown): StoredEnd {
  if (value === undefined) return NOT_KEPT
  const end = Object(value) as Partial<Record<'message' | 'header' | 'trailer' | 'error' | 'omitted', unknown>>
  if (end.omitted === true) return NOT_KEPT
  if (end.message instanceof Uint8Array && isPairs(end.header) && isPairs(end.trailer))
    return { message: end.message, header: end.header, trailer: end.trailer }
  const { code, message, details, metadata } = Object(end.error) as Partial<Record<string, unknown>>
  if (Number.isInteger(code) && typeof message === 'string' && isDetails(details) && isPairs(metadata))
    return { error: { code: code as number, message, details, metadata } }
  throw new OnlyonceError(
    'OUTCOME_UNKNOWN',
    'the stored result is not the end of a call: it was damaged, or written by something that uses the same scope and key',
  )
}

/** An error thrown here has messages as its details, one received from elsewhere their bytes. */
function wireDetail(library: RpcLibrary, detail: unknown): WireDetail {
  const { desc, type, value } = Object(detail) as { desc?: RpcMessageType; type?: unknown; value?: unknown }
  if (desc === undefined) return { type: String(type), value: value as Uint8Array }
  return { type: desc.typeName, value: library.toBinary(desc, library.create(desc, value)) }
}

function kept(headers: Headers, names: readonly string[]): Pairs {
  return names.flatMap((name) => {
    const value = headers.get(name)
    return value === null ? [] : [[name, value] as const]
  })
}

function isPairs(value: unknown): value is Pairs {
  return (
    Array.isArray(value) &&
    value.every((one) => Array.isArray(one) && one.length === 2 && one.every((part) => typeof part === 'string'))
  )
}

function isDetails(value: unknown): value is readonly WireDetail[] {
  return (
    Array.isArray(value) &&
    value.every((one) => typeof Object(one).type === 'string' && Object(one).value instanceof Uint8Array)
  )
}
