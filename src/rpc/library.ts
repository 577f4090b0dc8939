import { OnlyonceError } from '../core/errors.ts'
import type { RpcMessageType } from './shapes.ts'

/** A detail of an error in its wire form. */
export interface WireDetail {
  readonly type: string
  readonly value: Uint8Array
}

/** `ConnectError`, by shape. */
export interface RpcError extends Error {
  readonly code: number
  readonly rawMessage: string
  readonly metadata: Headers
  details: unknown[]
}

export interface RpcLibrary {
  toBinary(type: RpcMessageType, message: unknown): Uint8Array
  fromBinary(type: RpcMessageType, bytes: Uint8Array): unknown
  /** Makes a complete message from a partial one. */
  create(type: RpcMessageType, message: unknown): unknown
  isError(value: unknown): value is RpcError
  error(message: string, code: number, metadata: Headers, cause?: unknown): RpcError
}

let loading: Promise<RpcLibrary> | undefined

/**
 * Loads Connect and protobuf-es at the first call.
 * @throws OnlyonceError OPTION_INVALID when they are not installed
 */
export function loadLibrary(): Promise<RpcLibrary> {
  loading ??= load()
  return loading
}

async function load(): Promise<RpcLibrary> {
  try {
    const [{ ConnectError }, protobuf] = await Promise.all([
      import('@connectrpc/connect'),
      import('@bufbuild/protobuf'),
    ])
    const { toBinary, fromBinary, create } = protobuf as unknown as RpcLibrary
    return {
      toBinary,
      fromBinary,
      create,
      isError: (value): value is RpcError => value instanceof ConnectError,
      error: (message, code, metadata, cause) => new ConnectError(message, code, metadata, undefined, cause),
    }
  } catch (cause) {
    loading = undefined
    const message = 'onlyonce/rpc needs Connect: npm install @connectrpc/connect @bufbuild/protobuf'
    throw new OnlyonceError('OPTION_INVALID', message, { cause })
  }
}
