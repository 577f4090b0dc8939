import type { StateMachine } from './machine.ts'

/** What an event that leads to `to` is to a thing in `state`. */
export type Judged =
  /** It moves. */
  | 'legal'
  /** It has moved before: the thing is at `to`, or past it. */
  | 'already'
  | 'illegal'

/**
 * The rule of `transition`, as a pure function. Past `to` is a state that `to` leads to and that does not lead back: on a
 * cycle "past" has no meaning, so only `to` itself counts there.
 */
export function judge(machine: StateMachine, state: string, to: string): Judged {
  if (state === to) return 'already'
  if (machine.sources(to).includes(state)) return 'legal'
  return machine.reaches(to, state) && !machine.reaches(state, to) ? 'already' : 'illegal'
}
