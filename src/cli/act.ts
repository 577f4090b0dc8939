import { OnlyonceError } from '../core/errors.ts'
import type { ObservedRecord } from '../core/record.ts'
import type { WriteOutcome } from '../core/store.ts'
import { confirmed, declined, requireSomebody } from './confirm.ts'
import { EXIT, failure } from './exit.ts'
import { type Io, line } from './io.ts'
import { stateOf } from './record.ts'
import { type StoreAtHand, storeUrl, withStore } from './store.ts'
import { labelOf, requireSame, type Target, type TargetOptions, targetOf } from './target.ts'
import { safeJson } from './text.ts'

export interface ActOptions extends TargetOptions {
  readonly store?: string
  readonly json?: boolean
  readonly yes?: boolean
}

/** A change that an operator makes to one operation. */
export interface Act {
  /** The subcommand, and the word for its success. */
  readonly verb: string
  readonly done: string
  /** What is at stake, where that is not a second run of the effect. */
  readonly risk?: string
  /** What it does and what may run again. @throws CliError when the operation is not in a state for it */
  warnings(record: ObservedRecord): readonly string[]
  /** Changes the operation. `record` was found unchanged just before. */
  apply(store: StoreAtHand, record: ObservedRecord): Promise<WriteOutcome>
  /** For unreadable records; absent: they are refused. */
  readonly unread?: {
    readonly warnings: readonly string[]
    apply(store: StoreAtHand, target: Target): Promise<WriteOutcome>
  }
}

/** Finds, shows, confirms and changes an operation: every change by the command line goes through here. */
export async function act(io: Io, options: ActOptions, act: Act): Promise<number> {
  const target = targetOf(options)
  const url = storeUrl(io, options.store)
  requireSomebody(io, options.yes, act.verb, act.risk ?? 'may let an effect run again')
  return withStore(url, async (store) => {
    const found = await read(store, target, act)
    const { label, warnings, apply } = plan(found, target, act)
    line(io.stderr, label)
    if (!(await confirmed(io, options.yes, warnings))) return declined(io)
    // Checked here, because to the store we act as the owner: it would let us end the claim of a live owner.
    const isStill = found === 'unreadable' || isUnchanged(found, (await store.find([target.id]))[0])
    const outcome = isStill ? await apply(store) : 'lost'
    if (outcome === 'lost') throw failure(await whyLost(store, target))
    const told = `${act.done} ${labelOf(found === 'unreadable' ? target : found)}`
    line(io.stdout, options.json ? safeJson({ id: target.id, action: act.done, outcome }) : told)
    return EXIT.ok
  })
}

interface Plan {
  readonly label: string
  readonly warnings: readonly string[]
  apply(store: StoreAtHand): Promise<WriteOutcome>
}

function plan(found: ObservedRecord | 'unreadable', target: Target, act: Act): Plan {
  if (found !== 'unreadable') {
    const label = `${labelOf(found)}: ${summary(found)}`
    return { label, warnings: act.warnings(found), apply: (store) => act.apply(store, found) }
  }
  const { warnings = [], apply } = act.unread ?? {}
  return { label: labelOf(target), warnings, apply: async (store) => (await apply?.(store, target)) ?? 'lost' }
}

export async function forget(store: StoreAtHand, { id }: Pick<Target, 'id'>): Promise<WriteOutcome> {
  return (await store.forget([id])) > 0 ? 'ok' : 'lost'
}

/** Whether the operation is still as the operator was shown it. */
export function isUnchanged(shown: ObservedRecord, now: ObservedRecord | undefined): boolean {
  return (
    now !== undefined &&
    now.owner === shown.owner &&
    now.fence === shown.fence &&
    now.state === shown.state &&
    now.result?.kind === shown.result?.kind &&
    // Refuse if an abandoned operation is running again. A running one that was abandoned since is no reason to refuse.
    !(stateOf(shown) === 'abandoned' && stateOf(now) === 'running')
  )
}

async function read(store: StoreAtHand, target: Target, { unread }: Act): Promise<ObservedRecord | 'unreadable'> {
  let record: ObservedRecord | undefined
  try {
    ;[record] = await store.find([target.id])
  } catch (error) {
    if (unread !== undefined && OnlyonceError.is(error) && error.code === 'OUTCOME_UNKNOWN') return 'unreadable'
    throw error
  }
  if (record === undefined) throw notFound(target)
  requireSame(target, record)
  return record
}

export function notFound(target: Target): Error {
  return failure(
    `there is no record of ${labelOf(target)}: it was never claimed, was forgotten, or its retention is over`,
  )
}

async function whyLost(store: StoreAtHand, target: Target): Promise<string> {
  const [now] = await store.find([target.id])
  const what = now === undefined ? 'its record is gone' : `it is now ${summary(now)}`
  return `lost: ${labelOf(target)} changed after it was shown, ${what}; nothing was changed here: look again and decide anew`
}

function summary(record: ObservedRecord): string {
  return `${stateOf(record)}, attempt ${record.attempt}, fence ${record.fence}`
}
