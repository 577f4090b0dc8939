import { OnlyonceError, reasonOf } from '../../core/errors.ts'

/** `work` committed or rolled back by itself, so its writes and the record may no longer agree. */
export function endedInside(cause: unknown): OnlyonceError {
  return new OnlyonceError(
    'OUTCOME_UNKNOWN',
    'the effect ended the transaction that it was given (COMMIT or ROLLBACK inside it, or a statement that commits by ' +
      'itself), so its writes and the record are no longer one: look whether it happened; remove what ends the ' +
      'transaction from the effect, use SAVEPOINT instead',
    { cause },
  )
}

/** A handle is used after its transaction: its writes would be in no transaction, or in that of another call. */
export function over(): OnlyonceError {
  return new OnlyonceError(
    'CLOSED',
    'the transaction is over, committed or undone, and this handle with it: an effect must not write after it has ended; await everything it starts',
  )
}

/** The effect went on after a statement failed: the database refuses the rest and rolls everything back. */
export function spoilt(cause: unknown): OnlyonceError {
  return new OnlyonceError(
    'STORE_UNAVAILABLE',
    `a statement inside the transaction failed and the effect went on (${reasonOf(cause)}); nothing was changed: let the ` +
      'error of a failed statement pass, or undo it with a SAVEPOINT',
    { cause },
  )
}

export function notOpen(): OnlyonceError {
  return new OnlyonceError(
    'OPTION_INVALID',
    'what was given as `tx` has no open transaction: run BEGIN on it first and COMMIT afterwards, and give the one ' +
      'connection that did so, not a pool',
  )
}

/** A transaction of a library was given as `tx` as it is, or a connection of another driver. */
export function noConnection(driver: string): OnlyonceError {
  return new OnlyonceError(
    'OPTION_INVALID',
    `what was given as \`tx\` is no connection of \`${driver}\` and does not answer like one: for the transaction of a library give what a ` +
      'function of `onlyonce/executors` makes of it',
  )
}

export function unsettled(cause: unknown): OnlyonceError {
  return new OnlyonceError(
    'OUTCOME_UNKNOWN',
    `the commit was broken off (${reasonOf(cause)}), and the server has not said since whether the transaction was ` +
      'committed; ask again with the same key',
    { cause },
  )
}
