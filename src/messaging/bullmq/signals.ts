/** BullMQ knows these errors by their names, but this one by its message, whatever its name. */
const RATE_LIMITED = 'bullmq:rateLimitExceeded'

/** If a handler throws that error, ours must not have its message: BullMQ would repeat the job at once, for ever. */
function plain(reason: string): string {
  return reason === RATE_LIMITED ? `the handler threw ${RATE_LIMITED}` : reason
}

/** The job was moved already, or is not ours any more: BullMQ leaves it alone. */
export class DelayedError extends Error {
  override readonly name = 'DelayedError'

  constructor(reason: string) {
    super(plain(reason))
  }
}

/** The job fails for good, however many attempts it has left. */
export class UnrecoverableError extends Error {
  override readonly name = 'UnrecoverableError'

  constructor(reason: string) {
    super(plain(reason))
  }
}
