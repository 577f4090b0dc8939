import { type Act, type ActOptions, act, forget } from '../act.ts'
import type { Io } from '../io.ts'
import { stateOf } from '../record.ts'
import type { ShownState } from '../states.ts'

export function keysForget(io: Io, options: ActOptions): Promise<number> {
  return act(io, options, FORGET)
}

const AGAIN = 'Forgetting removes the record: whoever asks next runs the effect again, whatever happened so far.'

const WHAT_IT_MEANS: Readonly<Record<ShownState, string>> = {
  idle: 'It is not running and has no result; its binding to the payload and its finished steps are lost.',
  running:
    'An owner is at work now: it is fenced out and cannot settle the operation, but what it has done stays done.',
  done: 'It is done: its stored result is lost, and duplicates are not absorbed any more.',
  abandoned: 'Its owner disappeared: the effect may have happened already.',
  unknown: 'It waits for a decision: the effect may have happened already (`onlyonce keys resolve` decides it).',
}

export const FORGET: Act = {
  verb: 'forget',
  done: 'forgot',
  warnings: (record) => [WHAT_IT_MEANS[stateOf(record)], AGAIN],
  apply: forget,
  unread: {
    warnings: ['Its record cannot be read, so nobody can tell what happened.', AGAIN],
    apply: forget,
  },
}
