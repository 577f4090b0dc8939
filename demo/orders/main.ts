import { realpathSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { runBoth } from './both-runs.ts'
import { InputError } from './input/read.ts'
import { checkOptions, type DemoOptions, HELP, parseOptions, UsageError } from './options.ts'
import { renderPicture } from './picture.ts'
import { coloursFor } from './report/colours.ts'
import { createProgressBars } from './report/progress-bars.ts'
import { type DemoResult, passed } from './report/result.ts'
import { say } from './report/say.ts'
import { renderTable } from './report/table.ts'
import { Unreachable } from './stores/make-room.ts'

export type { DemoOptions } from './options.ts'
export type { DemoResult } from './report/result.ts'

const EXIT = { ok: 0, auditFailed: 1, usage: 2, unreachable: 3 } as const
const LET_GO_MS = 500
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const

/** Ended by Ctrl-C or SIGTERM. */
class Interrupted extends Error {
  readonly exitCode: number
  constructor(signal: keyof typeof SIGNALS) {
    super(`ended by ${signal}`)
    this.exitCode = SIGNALS[signal]
  }
}

/** The demo with its own command line; returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(argv)
    if (options !== 'help') return await runDemo(options)
    process.stdout.write(HELP)
    return EXIT.ok
  } catch (error) {
    return explained(error)
  }
}

/**
 * Runs the same orders with the same faults twice, without and with onlyonce, and shows the results. Returns the exit
 * code: 0; 1 if the audit of the protected run fails; 2 for invalid options; 3 if nothing was started because the store
 * or the broker is unreachable.
 */
export async function runDemo(options: DemoOptions = {}): Promise<number> {
  try {
    const result = await runWatched(options)
    if (options.json === true) process.stdout.write(`${JSON.stringify(result)}\n`)
    else process.stdout.write(renderTable(result, coloursFor(process.stdout, process.env)))
    if (options.svg !== undefined) writeFileSync(options.svg, renderPicture(result))
    return passed(result) ? EXIT.ok : EXIT.auditFailed
  } catch (error) {
    return explained(error)
  }
}

async function runWatched(options: DemoOptions): Promise<DemoResult> {
  const checked = checkOptions(options)
  const bars = createProgressBars(process.stderr, coloursFor(process.stderr, process.env))
  const interruption = new AbortController()
  const stops = (Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]).map((signal) => {
    const stop = () => interruption.abort(new Interrupted(signal))
    process.on(signal, stop)
    return () => process.off(signal, stop)
  })
  try {
    return await runBoth(checked, bars, interruption.signal)
  } finally {
    for (const stop of stops) stop()
  }
}

function explained(error: unknown): number {
  if (error instanceof Interrupted) {
    say(`${error.message}; all processes stopped`)
    return error.exitCode
  }
  if (error instanceof Unreachable) {
    say(error.message)
    // Some clients that failed to connect keep their socket open, and so the process alive.
    setTimeout(() => process.exit(EXIT.unreachable), LET_GO_MS).unref()
    return EXIT.unreachable
  }
  const usage = error instanceof UsageError || error instanceof InputError
  say(usage ? error.message : `failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  return usage ? EXIT.usage : EXIT.auditFailed
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  process.exitCode = await main(process.argv.slice(2))
}
