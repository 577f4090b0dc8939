import type { ErrorCode } from '../core/errors.ts'

/** The status codes of gRPC, which are those of Connect. */
export const CODE = Object.freeze({
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
})

export interface Refusal {
  readonly code: number
  /** The message for the client. Our own messages may contain what only the server should know. */
  readonly message: string
}

/** The status of each error code. Calls refused with ABORTED or UNAVAILABLE may be retried unchanged, others not. */
export const REFUSALS: Readonly<Record<ErrorCode, Refusal>> = {
  KEY_MISSING: { code: CODE.invalidArgument, message: 'this method needs an idempotency key' },
  KEY_INVALID: { code: CODE.invalidArgument, message: 'the idempotency key is not valid' },
  KEY_REUSED: { code: CODE.failedPrecondition, message: 'the idempotency key was used for another request' },
  IN_FLIGHT: { code: CODE.aborted, message: 'a call with this idempotency key is being worked on; ask again later' },
  DUPLICATE: { code: CODE.alreadyExists, message: 'this call was already made, and is not made again' },
  LEASE_LOST: { code: CODE.aborted, message: 'another process took this call over; ask again later' },
  OUTCOME_UNKNOWN: {
    code: CODE.failedPrecondition,
    message: 'the call may or may not have been carried out; it is not made again until that is decided',
  },
  STORE_UNAVAILABLE: { code: CODE.unavailable, message: 'the call cannot be recorded now and was not made' },
  RESULT_UNSERIALIZABLE: { code: CODE.alreadyExists, message: 'the call was carried out, but its answer was not kept' },
  OPTION_INVALID: { code: CODE.internal, message: 'this method is not set up correctly; the call was not made' },
  TOKEN_INVALID: { code: CODE.permissionDenied, message: 'the token is not valid here' },
  ILLEGAL_TRANSITION: { code: CODE.failedPrecondition, message: 'this step is not possible in the current state' },
  CLOSED: { code: CODE.unavailable, message: 'the server is shutting down; the call was not made' },
}

/** Status codes that are about the request: a retry would give the same. */
const FINAL: readonly number[] = [
  CODE.invalidArgument,
  CODE.notFound,
  CODE.alreadyExists,
  CODE.failedPrecondition,
  CODE.outOfRange,
]

export function isFinal(code: number): boolean {
  return FINAL.includes(code)
}
