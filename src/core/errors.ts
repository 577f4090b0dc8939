/**
 * All error codes. `retryable` tells whether the *same* call may succeed when it is made again unchanged;
 * `meaning` is the first sentence of the documentation. `docs/reference/errors.md` is tested against this table.
 */
export const ERROR_CODES = {
  KEY_MISSING: { retryable: false, meaning: 'No key was given.' },
  KEY_INVALID: { retryable: false, meaning: 'The key or payload cannot name an operation.' },
  KEY_REUSED: { retryable: false, meaning: 'The key is bound to another payload.' },
  IN_FLIGHT: { retryable: true, meaning: 'Another caller is running the operation now.' },
  DUPLICATE: { retryable: false, meaning: 'The operation is done, and duplicates are rejected here.' },
  LEASE_LOST: { retryable: true, meaning: 'Another owner took the operation over before this one settled it.' },
  OUTCOME_UNKNOWN: {
    retryable: false,
    meaning: 'The effect may or may not have happened; a person or reconcile decides.',
  },
  STORE_UNAVAILABLE: { retryable: true, meaning: 'The store did not answer in time, refused, or is not migrated.' },
  RESULT_UNSERIALIZABLE: { retryable: false, meaning: 'The effect ran, but its result cannot be stored.' },
  OPTION_INVALID: { retryable: false, meaning: 'An option is unknown, out of range, or impossible here.' },
  TOKEN_INVALID: { retryable: false, meaning: 'The one-time token is unknown, expired, or bound to something else.' },
  ILLEGAL_TRANSITION: {
    retryable: false,
    meaning: 'The state machine does not allow this step from the current state.',
  },
  CLOSED: { retryable: false, meaning: 'The engine was closed.' },
} as const satisfies Record<string, { readonly retryable: boolean; readonly meaning: string }>

/**
 * The code of an `OnlyonceError`: what happened, for programs. `ERROR_CODES` says what each means, and whether a retry
 * may help.
 */
export type ErrorCode = keyof typeof ERROR_CODES

const brand: unique symbol = Symbol.for('onlyonce.error') as never

/** What an `OnlyonceError` carries besides its code and message; for those who throw one, such as a store. */
export interface OnlyonceErrorOptions {
  /** What was thrown underneath. Absent: nothing was. */
  readonly cause?: unknown
  /** How long to wait before asking again, in milliseconds. Set on `IN_FLIGHT`; absent: nobody knows. */
  readonly retryAfterMs?: number
}

/** The one error class of onlyonce; `code` says what happened, `cause` keeps what was thrown underneath. */
export class OnlyonceError extends Error {
  override readonly name = 'OnlyonceError'
  /** What happened, for programs; the message is for people and may change. */
  readonly code: ErrorCode
  /** How long to wait before asking again, in milliseconds. Set on `IN_FLIGHT`; `undefined` where nobody knows. */
  readonly retryAfterMs: number | undefined
  /** `Symbol.for`, so that two copies of the package in one process recognise each other's errors. */
  readonly [brand] = true

  constructor(code: ErrorCode, message: string, options: OnlyonceErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.retryAfterMs = options.retryAfterMs
  }

  /** Whether the same call may succeed when it is made again unchanged: that of the code in `ERROR_CODES`. */
  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable
  }

  /** True for errors of any copy of this package, where `instanceof` is not. */
  static is(value: unknown): value is OnlyonceError {
    return value instanceof Error && brand in value
  }

  /** Turns whatever was thrown into ours, once, keeping the original as `cause`. */
  static from(thrown: unknown, code: ErrorCode, message: string): OnlyonceError {
    return OnlyonceError.is(thrown) ? thrown : new OnlyonceError(code, message, { cause: thrown })
  }
}

/** Whether an engine or a store has said that it was closed, for good. */
export function isClosed(error: unknown): boolean {
  return OnlyonceError.is(error) && error.code === 'CLOSED'
}

/** The message of a thrown value, for use inside another message. Never throws. */
export function reasonOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown.message) : String(thrown)
  } catch {
    return 'a value that cannot be printed'
  }
}
