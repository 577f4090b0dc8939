/** What the process ends with; scripts branch on it. */
export const EXIT = Object.freeze({
  ok: 0,
  /** A check failed, or what was asked for could not be done as things are. */
  failed: 1,
  /** The command line is wrong, or asks for a decision that nobody is there to make. */
  usage: 2,
  /** The store cannot be reached, or is not what this onlyonce can work with. */
  unreachable: 3,
  interrupted: 130,
})

/** Ends the command with a message and an exit code; the message says what to do. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: number

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

export function usage(message: string): CliError {
  return new CliError(EXIT.usage, message)
}

export function failure(message: string): CliError {
  return new CliError(EXIT.failed, message)
}
