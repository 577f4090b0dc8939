import { isDeepStrictEqual } from 'node:util'
import { OnlyonceError } from '../../core/errors.ts'
import type { Store } from '../../core/store.ts'
import { moveClock } from './clock.ts'
import type { CrashHandler, CrashOptions } from './contract.ts'
import { deliver, type Handled, type Session } from './deliver.ts'
import { differences, volatileColumns } from './differences.ts'
import { htmlReport } from './html.ts'
import { checkCrashOptions } from './options.ts'
import type { CrashPoint, Moment, Plan } from './process.ts'
import { type CrashReportData, merged } from './report.ts'
import { textReport } from './text.ts'
import { besideOther, type Clean, disturbed, duplicated, type Found, inWorld, overtaken } from './trials.ts'
import { hearOurErrors } from './unheard.ts'
import { checkNotBlind, type WorldState } from './world.ts'

/** What `crashEverywhere` found, to read, to keep, or to fail a test with. */
export interface CrashReport extends CrashReportData {
  /** Returns the report for a terminal: how much was tried, and each finding with the call that it is about. */
  text(): string
  /** Returns one self-contained page. */
  html(): string
  /** Returns the plain data, for `JSON.stringify`. */
  toJSON(): CrashReportData
  /**
   * Does nothing when there are no findings.
   * @throws Error with the text of the report if there are findings
   */
  assertClean(): void
}

/** Explorations run one after the other: all move the same `Date`. */
let inTurn: Promise<unknown> = Promise.resolve()

/**
 * Finds out whether a handler is idempotent: stops it before and after each call that it makes, lets each call fail,
 * and delivers the message again; then tests duplicates, and a second delivery in the middle of the first. Each trial
 * begins in an empty world and must end in the same state, and with the same answer, as one clean run.
 *
 * Moves the process's `Date` meanwhile. Sees only what the handler does through its kit.
 * @throws OnlyonceError OPTION_INVALID; whatever `store`, `use`, `setup` or `snapshot` throw
 */
export function crashEverywhere<Message, S extends Store, Use extends object = Record<string, never>>(
  handler: CrashHandler<Message, S, Use>,
  options: CrashOptions<Message, S, Use>,
): Promise<CrashReport> {
  const turn = inTurn.then(async () => {
    const limits = checkCrashOptions(handler, options)
    const clock = moveClock()
    const deafen = hearOurErrors()
    try {
      return await explore({ handler, options, limits, clock, kinds: new Map(), manualAck: false })
    } finally {
      deafen()
      clock.restore()
    }
  })
  inTurn = turn.catch(() => {})
  return turn
}

async function explore<M, S extends Store, U extends object>(session: Session<M, S, U>): Promise<CrashReport> {
  const { options, limits, handler } = session
  const name = options.name ?? (handler.name === '' ? 'handler' : handler.name)
  const first = await cleanRun(session, 0)
  session.manualAck = first.trace.some(({ point }) => point.call === 'ack')
  // By now it is known which calls return promises.
  const second = await cleanRun(session, HOUR_MS)
  const points = second.trace.filter(({ side }) => side === 'before').map(({ point }) => point)
  if (second.broken !== undefined) {
    const found: Found = {
      trial: 'clean',
      what: `The first delivery fails already: ${second.broken}.`,
      differences: [],
    }
    return reportOf({ name, ok: false, points, trials: 2, leftOut: 0, volatile: [], findings: merged([found]) })
  }
  checkSeen(name, points)
  checkNotBlind(second.state)
  const volatile = volatileColumns(first.state.tables, second.state.tables)
  const ignored = new Set([...(options.ignore ?? []), ...volatile])
  checkComparable(first.state, second.state, ignored)
  const stable = isDeepStrictEqual(first.answer, second.answer)
  const clean: Clean = {
    state: second.state,
    trace: second.trace,
    ignored,
    ...(stable ? { answer: { value: second.answer } } : {}),
  }
  const trials = trialsOf(session, clean)
  const findings: Found[] = []
  for (const trial of trials.slice(0, limits.maxTrials)) findings.push(...(await trial()))
  return reportOf({
    name,
    ok: findings.length === 0,
    points,
    trials: 2 + Math.min(trials.length, limits.maxTrials),
    leftOut: Math.max(0, trials.length - limits.maxTrials),
    volatile,
    findings: merged(findings),
  })
}

interface CleanRun {
  readonly state: WorldState
  readonly trace: readonly Moment[]
  readonly answer: unknown
  readonly broken?: string
}

const HOUR_MS = 3_600_000

/** Runs one undisturbed delivery, `laterMs` later: this shows what depends on the time. */
function cleanRun<M, S extends Store, U extends object>(session: Session<M, S, U>, laterMs: number): Promise<CleanRun> {
  return inWorld(session, async (world) => {
    if (laterMs > 0) session.clock.later(laterMs)
    const handled = await deliver(session, world, session.options.message)
    const trace = handled.deliveries[0]?.process.trace ?? []
    const state = await world.snapshot()
    const broken = brokenBy(handled)
    return { state, trace, answer: handled.answer, ...(broken === undefined ? {} : { broken }) }
  })
}

function brokenBy({ unhandled, deliveries }: Handled): string | undefined {
  if (unhandled !== undefined) return unhandled
  return deliveries.length > 1 ? 'it is handled only when it comes a second time' : undefined
}

/** If no call is seen, every trial is a clean run, and the report would be clean whatever the handler does. */
function checkSeen(name: string, points: readonly CrashPoint[]): void {
  if (points.some(({ call }) => call !== 'ack')) return
  throw new OnlyonceError(
    'OPTION_INVALID',
    `no call of ${name} went through the kit, so nothing could be stopped: ` +
      'let it use `kit.store`, `kit.sql`, what the option `use` makes, or `kit.outside`',
  )
}

function checkComparable(first: WorldState, second: WorldState, ignored: ReadonlySet<string>): void {
  const lines = differences(first, second, ignored)
  if (lines.length === 0) return
  throw new OnlyonceError(
    'OPTION_INVALID',
    `two clean runs end differently, so nothing can be compared: let \`snapshot\` leave out what depends on time or chance\n${lines.join('\n')}`,
  )
}

function trialsOf<M, S extends Store, U extends object>(session: Session<M, S, U>, clean: Clean) {
  const plans: Plan[] = clean.trace.flatMap(({ side, isAsync }, at): Plan[] => {
    // The answer of a synchronous call cannot be lost.
    const fails = side === 'before' || isAsync
    return [{ at, action: 'stop' }, ...(fails ? [{ at, action: 'fail' } as const] : [])]
  })
  const holds = clean.trace.flatMap(({ side, isAsync }, at) => {
    const next = clean.trace[at + 1]
    // A synchronous call cannot be held, but the asynchronous answer before it can.
    const beforeSync = next?.side === 'before' && !next.isAsync
    return isAsync && (side === 'before' || beforeSync) ? [at] : []
  })
  return [
    () => duplicated(session, clean),
    ...(session.options.other === undefined ? [] : [() => besideOther(session, clean)]),
    ...plans.map((plan) => () => disturbed(session, clean, plan)),
    ...holds.map((at) => () => overtaken(session, clean, at)),
  ]
}

function reportOf(data: CrashReportData): CrashReport {
  return {
    ...data,
    text: () => textReport(data),
    html: () => htmlReport(data),
    toJSON: () => data,
    assertClean() {
      if (!data.ok) throw new Error(textReport(data))
    },
  }
}
