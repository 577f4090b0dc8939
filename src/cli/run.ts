import { CommanderError } from 'commander'
import { type ErrorCode, OnlyonceError, reasonOf } from '../core/errors.ts'
import { CliError, EXIT } from './exit.ts'
import { colorsOf, type Io, line } from './io.ts'
import { createProgram } from './program.ts'
import { printableLines } from './text.ts'

/** Runs one command line, without the program's name, and returns its exit code. Never throws. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  try {
    // Before the parser, which would handle --help and --json itself.
    if (argv[0] === 'demo') {
      const { demo } = await import('./demo.ts')
      return await demo(argv.slice(1), io)
    }
    let exitCode: number = EXIT.ok
    const program = createProgram(io, (code) => {
      exitCode = code
    })
    await program.parseAsync([...argv], { from: 'user' })
    return exitCode
  } catch (error) {
    return report(error, io)
  }
}

function report(error: unknown, io: Io): number {
  // The parser has already printed the message. It also throws after --help and --version.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  const colors = colorsOf(io, 'stderr')
  if (!isInterrupt(error)) line(io.stderr, `${colors.red('onlyonce:')} ${printableLines(reasonOf(error))}`)
  if (error instanceof CliError) return error.exitCode
  return OnlyonceError.is(error) ? EXIT_OF[error.code] : EXIT.failed
}

function isInterrupt(error: unknown): boolean {
  return error instanceof CliError && error.exitCode === EXIT.interrupted
}

const EXIT_OF: Readonly<Record<ErrorCode, number>> = {
  KEY_MISSING: EXIT.usage,
  KEY_INVALID: EXIT.usage,
  KEY_REUSED: EXIT.failed,
  IN_FLIGHT: EXIT.failed,
  DUPLICATE: EXIT.failed,
  LEASE_LOST: EXIT.failed,
  OUTCOME_UNKNOWN: EXIT.failed,
  STORE_UNAVAILABLE: EXIT.unreachable,
  RESULT_UNSERIALIZABLE: EXIT.usage,
  OPTION_INVALID: EXIT.usage,
  TOKEN_INVALID: EXIT.failed,
  ILLEGAL_TRANSITION: EXIT.failed,
  CLOSED: EXIT.failed,
}
