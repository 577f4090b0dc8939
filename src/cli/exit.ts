/** Exit codes of the process, on which scripts rely. */
export const EXIT = Object.freeze({
  ok: 0,
  /** A check failed, or the request is not possible in the current state. */
  failed: 1,
  /** The command line is wrong, or needs a confirmation without a terminal to ask on. */
  usage: 2,
  /** The store cannot be reached, or is not compatible with this onlyonce. */
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

/** Tells of a port that is taken, by the option that named it. @throws CliError; any other error as it is */
export function portTaken(error: unknown, option: string): never {
  const { code, port } = Object(error) as { readonly code?: unknown; readonly port?: unknown }
  if (code !== 'EADDRINUSE') throw error
  throw usage(`port ${port} is taken: name another one with ${option}, or 0 for any that is free`)
}
