import { EXIT, usage } from './exit.ts'
import { colorsOf, type Io, line } from './io.ts'

/** Refuses a script without --yes, before a store is opened. `risk`: what is at stake. @throws CliError */
export function requireSomebody(io: Io, yes: boolean | undefined, verb: string, risk: string): void {
  if (yes === true || canAsk(io)) return
  throw usage(`\`keys ${verb}\` ${risk}, and there is no terminal to ask on: add --yes if you are sure`)
}

/** Prints the warnings and asks for confirmation, unless --yes is given. */
export async function confirmed(io: Io, yes: boolean | undefined, warnings: readonly string[]): Promise<boolean> {
  const colors = colorsOf(io, 'stderr')
  for (const warning of warnings) line(io.stderr, colors.yellow(warning))
  if (yes === true) return true
  const answer = (await io.ask('Go on? (yes/no) ')).trim().toLowerCase()
  return answer === 'y' || answer === 'yes'
}

/** Returns the exit code `failed`, because the command did not do what it is for. */
export function declined(io: Io): number {
  line(io.stderr, 'Nothing was changed.')
  return EXIT.failed
}

/** Whether stdin and stderr are terminals, for answer and question; stdout may be a pipe. */
function canAsk({ isTTY }: Io): boolean {
  return isTTY.stdin && isTTY.stderr
}
