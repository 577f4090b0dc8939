import { EXIT, usage } from './exit.ts'
import { colorsOf, type Io, line } from './io.ts'

/** Early, so that a script that forgot --yes is told before anything is opened. @throws CliError */
export function requireSomebody(io: Io, yes: boolean | undefined, verb: string): void {
  if (yes === true || canAsk(io)) return
  throw usage(
    `\`keys ${verb}\` may let an effect run again, and there is no terminal to ask on: add --yes if you are sure`,
  )
}

/** Says what will happen and waits for a yes, which --yes gives in advance. */
export async function confirmed(io: Io, yes: boolean | undefined, warnings: readonly string[]): Promise<boolean> {
  const colors = colorsOf(io, 'stderr')
  for (const warning of warnings) line(io.stderr, colors.yellow(warning))
  if (yes === true) return true
  const answer = (await io.ask('Go on? (yes/no) ')).trim().toLowerCase()
  return answer === 'y' || answer === 'yes'
}

/** A person who says no did not get what the command was for. */
export function declined(io: Io): number {
  line(io.stderr, 'Nothing was changed.')
  return EXIT.failed
}

/** The answer comes from stdin and the question must be seen; stdout may well be a pipe. */
function canAsk({ isTTY }: Io): boolean {
  return isTTY.stdin && isTTY.stderr
}
