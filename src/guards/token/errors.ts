import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'

interface Form {
  readonly subject: string
  readonly operation: string
}

export function stillOpen({ subject, operation }: Form, retryAfterMs: number): OnlyonceError {
  return new OnlyonceError(
    'IN_FLIGHT',
    `operation in progress: ${quote(operation)} of ${quote(subject)} has an open token; redeem that one, or wait until it expires`,
    { retryAfterMs },
  )
}

export function overtaken({ subject, operation }: Form): OnlyonceError {
  return new OnlyonceError(
    'IN_FLIGHT',
    `operation in progress: ${quote(operation)} of ${quote(subject)} was asked for by somebody else at the same time, or it took too long; ask again`,
  )
}

export function decidedByHand({ subject, operation }: Form): OnlyonceError {
  return new OnlyonceError(
    'OUTCOME_UNKNOWN',
    `the slot for ${quote(operation)} of ${quote(subject)} was resolved by hand, so no token can be issued; forget it: onlyonce keys forget`,
  )
}

/** One message for all reasons, so that it does not reveal which part was wrong. */
export function invalid(): OnlyonceError {
  return new OnlyonceError(
    'TOKEN_INVALID',
    'the token is unknown, expired, or was issued for another subject or operation; ask for a new one',
  )
}

export function replaced(): OnlyonceError {
  return new OnlyonceError('TOKEN_INVALID', 'this token was replaced by a newer one')
}
