import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { InputError } from './input/read.ts'
import { checkOptions, type DemoOptions, HELP, parseOptions, UsageError } from './options.ts'
import { loadOrders } from './orders-to-run.ts'
import { renderPicture } from './picture.ts'
import { coloursFor } from './report/colours.ts'
import { createProgressBars } from './report/progress-bars.ts'
import { type DemoResult, passed } from './report/result.ts'
import { renderTable } from './report/table.ts'
import { VARIANTS } from './system/messages.ts'
import { writeOrdersFile } from './system/orders-file.ts'
import { type Run, runSystem } from './system/run.ts'

export type { DemoOptions } from './options.ts'
export type { DemoResult } from './report/result.ts'

const EXIT = { ok: 0, auditFailed: 1, usage: 2 } as const
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const

/** Ctrl-C, or somebody else's wish that we end. */
class Interrupted extends Error {
  readonly exitCode: number
  constructor(signal: keyof typeof SIGNALS) {
    super(`ended by ${signal}`)
    this.exitCode = SIGNALS[signal]
  }
}

/** The demo with a command line of its own; answers the exit code. */
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
 * Runs the same orders with the same faults twice, without and with onlyonce, and shows what became of them.
 * Answers the exit code: 0, or 1 when the audit of the protected run fails, or 2 for options that make no sense.
 */
export async function runDemo(options: DemoOptions = {}): Promise<number> {
  try {
    const result = await runBoth(options)
    if (options.svg !== undefined) writeFileSync(options.svg, renderPicture(result))
    if (options.json === true) process.stdout.write(`${JSON.stringify(result)}\n`)
    else process.stdout.write(renderTable(result, coloursFor(process.stdout, process.env)))
    return passed(result) ? EXIT.ok : EXIT.auditFailed
  } catch (error) {
    return explained(error)
  }
}

async function runBoth(options: DemoOptions): Promise<DemoResult> {
  const { seed, kills, input, orders: limit, keep = false } = checkOptions(options)
  const orders = await loadOrders(input, limit)
  const dir = makeDirectory()
  const bars = createProgressBars(process.stderr, coloursFor(process.stderr, process.env))
  const interruption = new AbortController()
  const stops = (Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]).map((signal) => {
    const stop = () => interruption.abort(new Interrupted(signal))
    process.on(signal, stop)
    return () => process.off(signal, stop)
  })
  try {
    const file = join(dir, 'orders.ndjson')
    writeOrdersFile(file, orders)
    const runs = new Map<string, Run>()
    for (const variant of VARIANTS) {
      const own = join(dir, variant)
      mkdirSync(own)
      const plan = { variant, dir: own, orders: file, orderCount: orders.length, seed, kills }
      runs.set(variant, await runSystem({ ...plan, onView: bars.show, signal: interruption.signal }))
    }
    const expectedPence = orders.reduce((sum, { amountPence }) => sum + amountPence, 0)
    const [unprotected, onlyonce] = VARIANTS.map((variant) => runs.get(variant) as Run) as [Run, Run]
    return { orders: orders.length, expectedPence, unprotected, onlyonce }
  } finally {
    bars.clear()
    for (const stop of stops) stop()
    if (keep) say(`the ledgers are in ${dir}`)
    else rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** @throws UsageError when there is no place to write */
function makeDirectory(): string {
  try {
    return mkdtempSync(join(realpathSync(tmpdir()), 'onlyonce-demo-'))
  } catch (error) {
    throw new UsageError(
      `cannot write in the temporary directory (${(error as Error).message}); set TMPDIR to one where this user may`,
    )
  }
}

function explained(error: unknown): number {
  if (error instanceof Interrupted) {
    say(`${error.message}; all processes stopped`)
    return error.exitCode
  }
  const usage = error instanceof UsageError || error instanceof InputError
  say(usage ? error.message : `failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  return usage ? EXIT.usage : EXIT.auditFailed
}

function say(text: string): void {
  process.stderr.write(`onlyonce demo: ${text}\n`)
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  process.exitCode = await main(process.argv.slice(2))
}
