/**
 * - `'REFUSED'`: the broker does not have the message; call again.
 * - `'REFUSED_FOR_GOOD'`: it will never accept it, and with `once` that is the result; `once.forget` allows another
 *   try.
 * - `'UNKNOWN'`: the broker may have the message; `onAbandoned` decides what happens next.
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

  /**
   * True for errors of any copy of this package, and for those that a duplicate gets back. Checked by name: an error
   * restored from a stored result has lost its class.
   */
  static is(value: unknown): value is NotPublished {
    return value instanceof Error && value.name === 'NotPublished'
  }
}
