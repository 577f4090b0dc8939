import { isDeepStrictEqual } from 'node:util'
import type { Store } from '../../core/store.ts'
import { begin, type Delivered, deliver, type Handled, type Session } from './deliver.ts'
import { differences, type Ignored, print } from './differences.ts'
import type { Moment, Plan } from './process.ts'
import type { CrashFinding } from './report.ts'
import { within } from './waiting.ts'
import { type OpenWorld, openWorld, type WorldState } from './world.ts'

/** What a clean run left, and its answer; `answer` is missing if two clean runs answer differently. */
export interface Clean {
  readonly state: WorldState
  readonly trace: readonly Moment[]
  readonly answer?: { readonly value: unknown }
  readonly ignored: Ignored
}

export type Found = Omit<CrashFinding, 'times'>

/** Runs `work` in a fresh world, with `Date` set to the start of a trial; closes the world afterwards. */
export async function inWorld<M, S extends Store, U extends object, T>(
  session: Session<M, S, U>,
  work: (world: OpenWorld<S, U>) => Promise<T>,
): Promise<T> {
  session.clock.begin()
  const world = await openWorld(session.options)
  try {
    return await work(world)
  } finally {
    await world.close()
  }
}

/** Stops the process, or fails a call, at one moment; then delivers again. */
export function disturbed<M, S extends Store, U extends object>(
  session: Session<M, S, U>,
  clean: Clean,
  plan: Plan,
): Promise<readonly Found[]> {
  return inWorld(session, async (world) => {
    const handled = await deliver(session, world, session.options.message, { plan })
    // A handler that does not behave the same each time may not reach this moment.
    const moment = handled.deliveries[0]?.process.trace[plan.at]
    if (moment === undefined) return []
    const place = around(clean.trace, plan.at)
    const call = moment.point.call
    const [trial, event] =
      plan.action === 'stop'
        ? (['crash', 'A crash here'] as const)
        : (['failure', moment.side === 'before' ? `An error of \`${call}\`` : `A lost answer of \`${call}\``] as const)
    return judge(clean, await world.snapshot(), [handled], { trial, event, ...place })
  })
}

/** Delivers a second time while the first delivery is held at one moment. */
export function overtaken<M, S extends Store, U extends object>(
  session: Session<M, S, U>,
  clean: Clean,
  at: number,
): Promise<readonly Found[]> {
  const { limits, options } = session
  return inWorld(session, async (world) => {
    const first = begin(session, world, options.message, 1, { at, action: 'hold' })
    await Promise.race([first.process.held, first.over])
    const second = begin(session, world, options.message, 1)
    await within<unknown>(second.over, limits.patienceMs, undefined)
    first.process.release()
    const both = await Promise.all([first.over, second.over])
    const handled: Handled[] = both.filter(({ acked }) => acked).map((one) => handledOnce(one))
    for (const { acked } of both) {
      if (!acked) handled.push(await deliver(session, world, options.message, { first: 2 }))
    }
    const about = {
      trial: 'together',
      event: 'A second delivery at the same time',
      ...around(clean.trace, at),
    } as const
    return judge(clean, await world.snapshot(), handled, about)
  })
}

/** Delivers a handled message again. */
export function duplicated<M, S extends Store, U extends object>(
  session: Session<M, S, U>,
  clean: Clean,
): Promise<readonly Found[]> {
  return inWorld(session, async (world) => {
    const handled = [await deliver(session, world, session.options.message)]
    for (let again = 0; again < 2; again++) {
      handled.push(await deliver(session, world, session.options.message, { first: 2 }))
    }
    return judge(clean, await world.snapshot(), handled, { trial: 'duplicate', event: 'A duplicate' })
  })
}

/** Delivers another message in between, which must have its own effect and change no answer. */
export function besideOther<M, S extends Store, U extends object>(
  session: Session<M, S, U>,
  { ignored }: Clean,
): Promise<readonly Found[]> {
  const { message, other } = session.options
  return inWorld(session, async (world) => {
    const first = await deliver(session, world, message)
    const before = await world.snapshot()
    const stranger = await deliver(session, world, other as M)
    const state = await world.snapshot()
    if (stranger.unhandled !== undefined)
      return [{ trial: 'other', what: `Another message is lost: ${stranger.unhandled}.`, differences: [] }]
    if (differences(before, state, ignored).length === 0) {
      return [{ trial: 'other', what: 'Another message has no effect: the two are taken for one.', differences: [] }]
    }
    const again = await deliver(session, world, message, { first: 2 })
    const about = { trial: 'other', event: 'A duplicate, after another message,' } as const
    const expected: Clean = { state, ignored, trace: [], answer: { value: first.answer } }
    return judge(expected, await world.snapshot(), [again], about)
  })
}

function handledOnce(delivered: Delivered): Handled {
  const { ending } = delivered
  return { deliveries: [delivered], answer: ending.kind === 'answered' ? ending.answer : undefined }
}

interface About extends Pick<CrashFinding, 'trial' | 'after' | 'before'> {
  /** The beginning of the finding's sentence. */
  readonly event: string
}

function judge(
  clean: Clean,
  state: WorldState,
  handled: readonly Handled[],
  { event, ...about }: About,
): readonly Found[] {
  const changed = differences(clean.state, state, clean.ignored)
  const lost = handled.find(({ unhandled }) => unhandled !== undefined)
  if (lost !== undefined) {
    return [{ ...about, what: `${event} leaves the message unhandled: ${lost.unhandled}.`, differences: changed }]
  }
  if (changed.length > 0) return [{ ...about, what: `${event} ${effectOf(changed)}.`, differences: changed }]
  // A process that was stopped after its acknowledgement answered nobody.
  const answers = handled
    .filter(({ deliveries }) => deliveries.at(-1)?.ending.kind === 'answered')
    .map((one) => one.answer)
  const [expected, ...rest] = clean.answer === undefined ? answers : [clean.answer.value, ...answers]
  const other = rest.find((answer) => !isDeepStrictEqual(answer, expected))
  if (rest.length === 0 || rest.every((answer) => isDeepStrictEqual(answer, expected))) return []
  return [
    { ...about, what: `${event} gets another answer.`, differences: [`- ${print(expected)}`, `+ ${print(other)}`] },
  ]
}

/** Names the difference, as far as the rows show it. */
function effectOf(changed: readonly string[]): string {
  const less = changed.some((line) => line.startsWith('- '))
  const more = changed.some((line) => line.startsWith('+ '))
  if (less === more) return 'leads to another state'
  return less ? 'loses a part of the effect' : 'repeats a part of the effect'
}

/** Returns the calls around a moment. The end of an enclosing call, such as a commit, counts as a call too. */
function around(trace: readonly Moment[], at: number): Pick<CrashFinding, 'after' | 'before'> {
  const here = trace[at]
  const done = trace.slice(0, at + 1).findLast(({ side }) => side === 'after')?.point
  const next = trace.slice(at).find(({ side, point }) => side === 'before' || point !== here?.point)
  const before = next?.side === 'after' ? { ...next.point, call: `end of ${next.point.call}` } : next?.point
  return { ...(done === undefined ? {} : { after: done }), ...(before === undefined ? {} : { before }) }
}
