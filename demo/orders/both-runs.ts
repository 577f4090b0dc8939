import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeExchange } from './brokers/make-exchange.ts'
import { type CheckedOptions, UsageError } from './options.ts'
import { loadOrders } from './orders-to-run.ts'
import type { ProgressBars } from './report/progress-bars.ts'
import type { DemoResult } from './report/result.ts'
import { say } from './report/say.ts'
import { openDatabase } from './shop/database.ts'
import { makeRoom, Unreachable } from './stores/make-room.ts'
import type { Variant } from './system/messages.ts'
import { writeOrdersFile } from './system/orders-file.ts'
import { type Run, type RunPlan, runSystem } from './system/run.ts'

/** The unprotected shop keeps no records, so its faults are the same on any database. */
const ON_FILES = { store: 'sqlite', storeUrl: '', broker: 'embedded', brokerUrl: '' } as const

/**
 * Runs the same orders and faults in both variants, one after the other.
 * @throws UsageError, InputError, Unreachable; the reason of `signal`
 */
export async function runBoth(options: CheckedOptions, bars: ProgressBars, signal: AbortSignal): Promise<DemoResult> {
  const { seed, kills, store, broker, keep = false } = options
  const orders = await loadOrders(options.input, options.orders)
  await requireSqlite()
  const dir = makeDirectory()
  const cleanUps = [async () => rmSync(dir, { recursive: true, force: true, maxRetries: 3 })]
  const kept = [dir]
  try {
    const room = await makeRoom(store, options.storeUrl)
    cleanUps.push(room.remove)
    const exchange = await makeExchange(broker, options.brokerUrl)
    cleanUps.push(exchange.remove)
    kept.push(...[room.name, exchange.name].filter((name) => name !== undefined))
    const file = join(dir, 'orders.ndjson')
    writeOrdersFile(file, orders)

    const run = (
      variant: Variant,
      where: Pick<RunPlan, 'store' | 'storeUrl' | 'broker' | 'brokerUrl'>,
    ): Promise<Run> => {
      const own = join(dir, variant)
      mkdirSync(own)
      const plan = { variant, dir: own, orders: file, orderCount: orders.length, seed, kills, ...where }
      return runSystem({ ...plan, onView: bars.show, signal })
    }
    const unprotected = await run('unprotected', ON_FILES)
    const onlyonce = await run('onlyonce', { store, storeUrl: room.url, broker, brokerUrl: exchange.url })
    const expectedPence = orders.reduce((sum, { amountPence }) => sum + amountPence, 0)
    return { store, broker, orders: orders.length, expectedPence, unprotected, onlyonce }
  } finally {
    bars.clear()
    if (keep) say(`the ledgers are in ${kept.join(', and in ')}`)
    else for (const cleanUp of cleanUps) await cleanUp().catch(leftBehind)
  }
}

/** Every run keeps something in SQLite, whatever `--store` says. @throws Unreachable */
async function requireSqlite(): Promise<void> {
  try {
    const db = await openDatabase(':memory:')
    db.close()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Unreachable(
      'no SQLite was found: use Node.js 22.13 or later, which has its own, or run `npm install libsql`',
    )
  }
}

/** Reports a failed clean-up, which does not change the result. */
function leftBehind(error: Error): void {
  say(`something of the run was left behind: ${error.message}`)
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
