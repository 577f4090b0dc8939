/**
 * - `'REFUSED'`: the broker has not got it; call again.
 * - `'REFUSED_FOR_GOOD'`: it never will, and that is the result; `once.forget` makes it be tried again.
 * - `'UNKNOWN'`: it may have got it; what happens next is up to `onAbandoned`.
 */
export type NotPublishedCode = 'REFUSED' | 'REFUSED_FOR_GOOD' | 'UNKNOWN'

/** Thrown by `publishOnce` when the broker did not confirm the message. */
export class NotPublished extends Error {
  override readonly name: string = 'NotPublished'
  readonly code: NotPublishedCode

  constructor(code: NotPublishedCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }

  /** By name: one that was remembered comes back without its class. */
  static is(value: unknown): value is NotPublished {
    return value instanceof Error && value.name === 'NotPublished'
  }
}
