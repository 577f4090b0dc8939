import type { OnlyonceError } from '../core/errors.ts'
import { REFUSALS } from './codes.ts'
import type { RpcError, RpcLibrary } from './library.ts'

/** Which of our codes an error is: metadata, since several of ours share one of gRPC. */
export const CODE_HEADER = 'onlyonce-code'
export const RETRY_AFTER = 'retry-after-ms'
/** gRFC A6: clients of gRPC with a retry policy heed it. */
export const PUSHBACK = 'grpc-retry-pushback-ms'

/** One of our errors as the client sees it; ours is kept as the cause, for the server's own log. */
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
