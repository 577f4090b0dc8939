import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import { insertOnce } from '../natural/insert-once.ts'
import type { SqlTx } from '../port/tx.ts'
import { isJson } from '../port/values.ts'
import { judge } from './judge.ts'
import type { TransitionOptions, TransitionOutcome } from './options.ts'
import { type Plan, planOf } from './plan.ts'

/** The type of `transition`: the call throws what may not be, `attempt` returns it. */
export interface Transition {
  /**
   * Moves a row to a state by one conditional UPDATE. `already`: it is in that state, or past it, so the event is a
   * late duplicate. @throws OnlyonceError ILLEGAL_TRANSITION naming both states, also when there is no such row;
   * OPTION_INVALID; STORE_UNAVAILABLE; with `history`, as `insertOnce`; the driver's errors
   */
  <State extends string, To extends State>(
    tx: SqlTx,
    options: TransitionOptions<State, To>,
  ): Promise<'moved' | 'already'>
  /** As the call itself, but an illegal transition or a missing row is an outcome; nothing is written then. */
  attempt<State extends string, To extends State>(
    tx: SqlTx,
    options: TransitionOptions<State, To>,
  ): Promise<TransitionOutcome<To>>
}

/** How often to retry when rivals change the row between our UPDATE and our SELECT. */
const MOST_TRIES = 10

async function attempt<State extends string, To extends State>(
  tx: SqlTx,
  given: TransitionOptions<State, To>,
): Promise<TransitionOutcome<To>> {
  const options = Object(given) as TransitionOptions<State, To>
  const plan = planOf(tx, options)
  const { machine, history, dialect, to } = options
  if (history !== undefined) await plan.requireTransaction()
  // Comes first: a rival with the same event waits here until our transaction is over.
  if (history !== undefined && (await insertOnce(tx, { ...history, ...(dialect && { dialect }) })) === 'existed') {
    const state = await plan.read()
    return state === undefined ? { kind: 'missing' } : { kind: 'already', state }
  }
  const outcome = await move(options, plan)
  if (outcome?.kind === 'moved') return { kind: 'moved', state: to }
  // The history has only events that happened: one that came too early, or was illegal, may be delivered again. On a
  // cycle, once the row has left the state, only the history tells an absorbed event from a new one.
  const isDone = outcome?.kind === 'already' && machine.onCycle(to)
  if (!isDone) await plan.removeHistory?.()
  if (outcome === undefined) throw tooManyRivals(plan, to)
  return outcome
}

type Stayed = Exclude<TransitionOutcome, { readonly kind: 'moved' }>

/** Returns `undefined` when rivals changed the state at every try. */
async function move({ machine, to }: TransitionOptions, plan: Plan): Promise<Stayed | { kind: 'moved' } | undefined> {
  for (let tried = 0; tried < MOST_TRIES; tried++) {
    if (await plan.update()) return { kind: 'moved' }
    const state = await plan.read()
    if (state === undefined) return { kind: 'missing' }
    const judged = judge(machine, state, to)
    // Legal now: a rival has moved the row between our UPDATE and our SELECT, so try again.
    if (judged !== 'legal') return { kind: judged, state }
  }
  return undefined
}

function tooManyRivals({ label }: Plan, to: string): OnlyonceError {
  return new OnlyonceError(
    'STORE_UNAVAILABLE',
    `${label} was changed by others ${MOST_TRIES} times while it was to become ${quote(to)}; ask again`,
  )
}

async function transitionOrThrow<State extends string, To extends State>(
  tx: SqlTx,
  options: TransitionOptions<State, To>,
): Promise<'moved' | 'already'> {
  const outcome = await attempt(tx, options)
  if (outcome.kind === 'moved' || outcome.kind === 'already') return outcome.kind
  throw refusal(options, outcome)
}

/**
 * Moves a row of a business table to a state, by one conditional UPDATE in the transaction `tx`: a late duplicate of
 * the event changes nothing.
 * @throws OnlyonceError ILLEGAL_TRANSITION naming both states, also when there is no such row; OPTION_INVALID;
 * STORE_UNAVAILABLE
 */
export const transition: Transition = Object.assign(transitionOrThrow, { attempt })

function refusal(options: TransitionOptions, outcome: Exclude<Stayed, { readonly kind: 'already' }>): OnlyonceError {
  const { machine, to, table, id } = options
  const named = isJson(id) ? Object.entries(id).map(([name, value]) => `${name} = ${quote(value)}`) : [quote(id)]
  const row = `${machine.name} ${named.join(', ')} in ${table}`
  if (outcome.kind === 'missing') {
    return new OnlyonceError('ILLEGAL_TRANSITION', `there is no ${row}, so it cannot become ${quote(to)}`)
  }
  const { state } = outcome
  const isKnown = machine.states.includes(state)
  const allowed = isKnown ? (machine.transitions[state] ?? []) : []
  const from = isKnown
    ? `from ${quote(state)} it may become ${allowed.length === 0 ? 'nothing else' : allowed.map(quote).join(' or ')}`
    : `the machine has no state ${quote(state)}`
  return new OnlyonceError(
    'ILLEGAL_TRANSITION',
    `${row} is ${quote(state)} and cannot become ${quote(to)}: ${from}; nothing was changed`,
  )
}
