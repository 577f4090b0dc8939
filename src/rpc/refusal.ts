import type { OnlyonceError } from '../core/errors.ts'
import { REFUSALS } from './codes.ts'
import type { RpcError, RpcLibrary } from './library.ts'

/** Metadata with our error code, since several codes share one gRPC status. */
const CODE_HEADER = 'onlyonce-code'
export const RETRY_AFTER = 'retry-after-ms'
/** gRFC A6: respected by gRPC clients with a retry policy. */
export const PUSHBACK = 'grpc-retry-pushback-ms'

/** Converts an error into the one for the client. The original is kept as the cause, for the server's log. */
export function refusal(library: RpcLibrary, error: OnlyonceError): RpcError {
  const { code, message } = REFUSALS[error.code]
  const metadata = new Headers({ [CODE_HEADER]: error.code })
  if (error.retryAfterMs !== undefined) {
    const ms = String(Math.max(1, Math.ceil(error.retryAfterMs)))
    metadata.set(RETRY_AFTER, ms)
    metadata.set(PUSHBACK, ms)
  }
  return library.error(message, code, metadata, error)
}
