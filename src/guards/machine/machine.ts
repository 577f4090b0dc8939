import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import { invalidOption, refuseUnknown } from '../../core/option-rules.ts'
import { onCycles, reachability } from './reach.ts'

/** The next states of each state. A state that is left out is final. */
export type Transitions<State extends string> = { readonly [From in State]?: readonly State[] }

/** The states that are entered by a transition. */
export type Targets<Next> = { [From in keyof Next]: Next[From] extends readonly (infer To)[] ? To : never }[keyof Next]

/** A checked and frozen machine: what `transition` judges by. `To` are the states that some transition leads to. */
export interface StateMachine<State extends string = string, To extends State = State> {
  readonly name: string
  readonly states: readonly State[]
  /** Complete and frozen: a final state has an empty list. */
  readonly transitions: Readonly<Record<State, readonly To[]>>
  /** The states from which `to` may be entered. */
  sources(to: string): readonly State[]
  /** Whether one or more transitions lead from `from` to `to`. */
  reaches(from: string, to: string): boolean
  /** Whether a state can be left and entered again. */
  onCycle(state: string): boolean
}

/** What `stateMachine` takes: all states, and the next ones of each. A state whose list is left out is final. */
export interface MachineDefinition<State extends string, Next extends Transitions<State>> {
  /** For messages and diagrams. */
  readonly name: string
  /** Every state, by a name that is not empty. */
  readonly states: readonly State[]
  /** The next states of each. None leads from a state to itself: a second event could not be told from a duplicate. */
  readonly transitions: Next & { readonly [From in Exclude<keyof Next, State>]: never }
}

/**
 * Defines states and the transitions between them. Names are inferred, so an unknown one does not compile.
 * @throws OnlyonceError OPTION_INVALID for unknown names, duplicates, and transitions from a state to itself
 */
export function stateMachine<const State extends string, const Next extends Transitions<State>>(
  definition: MachineDefinition<State, Next>,
): StateMachine<State, Targets<Next> & State> {
  type To = Targets<Next> & State
  refuseUnknown(definition, ['name', 'states', 'transitions'])
  const { name, states, transitions } = definition ?? {}
  if (typeof name !== 'string' || name === '') throw wrong('a state machine needs a name', name)
  checkStates(name, states)
  checkTransitions(name, states, transitions)
  const complete = Object.freeze(
    Object.fromEntries(states.map((state) => [state, Object.freeze([...(nextOf(transitions, state) ?? [])])])),
  ) as Readonly<Record<State, readonly To[]>>
  const reachable = reachability(complete)
  const cyclic = onCycles(reachable)
  const machine: StateMachine<State, To> = {
    name,
    states: Object.freeze([...states]),
    transitions: complete,
    sources: (to) => states.filter((from) => complete[from].some((next) => next === to)),
    reaches: (from, to) => reachable.get(from)?.has(to) ?? false,
    onCycle: (state) => cyclic.has(state),
  }
  return Object.freeze(machine)
}

/** @throws OnlyonceError OPTION_INVALID for a definition in the place of what `stateMachine` makes of it */
export function checkMachine(machine: unknown): void {
  const { sources, reaches, onCycle } = Object(machine) as Partial<StateMachine>
  if ([sources, reaches, onCycle].every((one) => typeof one === 'function')) return
  throw invalidOption('machine', 'must be what stateMachine(…) answers', machine)
}

function nextOf(transitions: object, state: string): readonly string[] | undefined {
  return Object.hasOwn(transitions, state) ? (transitions as Record<string, readonly string[]>)[state] : undefined
}

function checkStates(name: string, states: readonly unknown[]): void {
  if (!Array.isArray(states) || states.length === 0) throw wrong(`state machine ${quote(name)} needs states`, states)
  for (const [at, state] of states.entries()) {
    if (typeof state !== 'string' || state.trim() === '') {
      throw wrong(`a state of ${quote(name)} must be a name`, state)
    }
    if (states.indexOf(state) !== at) throw wrong(`a state of ${quote(name)} is there twice`, state)
  }
}

function checkTransitions(name: string, states: readonly string[], transitions: unknown): void {
  if (typeof transitions !== 'object' || transitions === null)
    throw wrong(`state machine ${quote(name)} needs transitions`, transitions)
  for (const from of Object.keys(transitions)) {
    if (!states.includes(from)) throw wrong(`${quote(name)} has a transition from a state that it does not have`, from)
    const next = nextOf(transitions, from) ?? []
    if (!Array.isArray(next)) throw wrong(`the next states of ${quote(from)} in ${quote(name)} must be a list`, next)
    for (const to of next) {
      if (!states.includes(to))
        throw wrong(`${quote(name)} has a transition from ${quote(from)} to a state that it does not have`, to)
      // If the state does not change, a second event cannot be told from a duplicate.
      if (to === from) throw wrong(`${quote(name)} has a transition from a state to itself`, to)
    }
    if (new Set(next).size !== next.length) throw wrong(`${quote(name)} has a transition twice, from`, from)
  }
}

function wrong(rule: string, value: unknown): OnlyonceError {
  return new OnlyonceError('OPTION_INVALID', `${rule}; got ${quote(value)}`)
}
