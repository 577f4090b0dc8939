import { checkMachine, type StateMachine } from './machine.ts'

/** What an event that leads to `to` means for an object in `state`. */
export type Judged =
  /** The object moves to `to`. */
  | 'legal'
  /** The object is at `to`, or past it. */
  | 'already'
  | 'illegal'

/**
 * The rule of `transition`, as a pure function. A state is past `to` if `to` leads to it and it does not lead back: on
 * a cycle "past" has no meaning, so only `to` itself counts there.
 */
export function judge(machine: StateMachine, state: string, to: string): Judged {
  checkMachine(machine)
  if (state === to) return 'already'
  if (machine.sources(to).includes(state)) return 'legal'
  return machine.reaches(to, state) && !machine.reaches(state, to) ? 'already' : 'illegal'
}
