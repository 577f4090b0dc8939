import { once as happened } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { audit, type Count, type Violation } from './audit.ts'
import { createDice } from './dice.ts'
import { makeFaults } from './faults.ts'
import { beginHistory, type Line, readHistory } from './history.ts'
import { type Launch, openPlace, type Place } from './places.ts'
import type { Fault, Job, Sabotage, StoreName } from './plan.ts'
import { startWorker, startWorkers } from './workers.ts'

export interface ChaosOptions {
  readonly store: StoreName
  readonly seconds: number
  readonly seed: number
  /** The bundled worker. */
  readonly worker: string
  readonly launch: Launch
  readonly sabotage?: Sabotage | undefined
}

export interface ChaosReport {
  readonly store: StoreName
  readonly seconds: number
  readonly seed: number
  readonly faults: Readonly<Record<string, number>>
  readonly counts: Readonly<Record<Count, number>>
  readonly violations: readonly Violation[]
  /** How long it took to answer, after the faults, whatever was still open. */
  readonly settledMs: number
  /** Everything that is known about the first violation's key, oldest first. */
  readonly evidence: readonly Line[]
  /** What was never reached: the run has shown nothing about it. */
  readonly unreached: readonly string[]
}

/** The last call of a run may wait for a lease, and for a store that comes back. */
const SETTLE_MS = 25_000
/** Chance decides these in a short run. */
const IN_LONG_RUNS: readonly Count[] = ['leases lost', 'runs repeated']
const LONG_RUN_SECONDS = 30

/** Real processes, a real server, real faults for some seconds; then everything has to settle, and is audited. */
export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const { store, seconds, seed, launch } = options
  const place = await openPlace(store, launch)
  const folder = mkdtempSync(join(tmpdir(), 'onlyonce-history-'))
  try {
    const history = join(folder, 'history.jsonl')
    beginHistory(history)
    const { faults, problems, settledMs } = await torture(place, history, options)
    const lines = readHistory(history)
    const rows = (await place.ledger?.rows()) ?? []
    const { violations, counts } = audit(lines, rows)
    const all = [...problems.map((message): Violation => ({ rule: 'stuck', key: '', message })), ...violations]
    const required = Object.entries({ takeovers: counts.takeovers, replayed: counts.replayed })
    if (seconds >= LONG_RUN_SECONDS)
      required.push(...IN_LONG_RUNS.map((name) => [name, counts[name]] as [string, number]))
    const unreached = [...faults, ...required].filter(([, times]) => times === 0).map(([name]) => name)
    const first = all.find(({ key }) => key !== '')?.key
    const evidence = lines.filter(({ key }) => key === first)
    return {
      ...{ store, seconds, seed, faults: Object.fromEntries(faults), counts, violations: all },
      settledMs,
      evidence,
      unreached,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
    await place.close()
  }
}

async function torture(
  place: Place,
  history: string,
  { seconds, seed, worker, sabotage }: ChaosOptions,
): Promise<{ faults: Map<Fault, number>; problems: string[]; settledMs: number }> {
  const { url, nat, modes, transactionMs } = place
  const startedAt = Date.now()
  const job = (who: string): Job => ({
    ...{ task: 'ask', who, url, nat, modes, transactionMs, history, startedAt, sabotage, deadline: 0 },
  })
  const workers = startWorkers(worker, job)
  try {
    const faults = await makeFaults(place, workers, createDice(seed), startedAt + seconds * 1_000)
    const calmAt = Date.now()
    const problems = await workers.stop()
    const settling = startWorker(worker, { ...job('settler'), task: 'settle', deadline: Date.now() + SETTLE_MS })
    const tooLate = setTimeout(() => settling.kill('SIGKILL'), 2 * SETTLE_MS)
    const [code, signal] = await happened(settling, 'exit')
    clearTimeout(tooLate)
    if (code !== 0)
      problems.push(`not everything could be settled and read: the settling worker ended with ${signal ?? code}`)
    return { faults, problems, settledMs: Date.now() - calmAt }
  } finally {
    workers.end()
  }
}
