/** BullMQ knows these errors by their names. */

/** The job was moved already, or is not ours any more: BullMQ leaves it alone. */
export class DelayedError extends Error {
  override readonly name = 'DelayedError'
}

/** The job goes to the failed ones, however many attempts it has left. */
export class UnrecoverableError extends Error {
  override readonly name = 'UnrecoverableError'
}
