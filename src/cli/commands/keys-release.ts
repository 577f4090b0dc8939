import { type Act, type ActOptions, act } from '../act.ts'
import { failure } from '../exit.ts'
import type { Io } from '../io.ts'
import { stateOf } from '../record.ts'
import { duration } from '../time.ts'

export function keysRelease(io: Io, options: ActOptions): Promise<number> {
  return act(io, options, RELEASE)
}

export const RELEASE: Act = {
  verb: 'release',
  done: 'released',
  warnings(record) {
    const state = stateOf(record)
    if (state !== 'running' && state !== 'abandoned') {
      const instead =
        state === 'idle'
          ? 'it can be claimed already'
          : state === 'unknown'
            ? 'decide what became of it with `onlyonce keys resolve`'
            : 'to let its effect run again, use `onlyonce keys forget`'
      throw failure(`only a running claim can be released, and this operation is ${state}: ${instead}`)
    }
    const left = record.leaseUntil - record.readAt
    return [
      state === 'running'
        ? `Its lease still runs for ${duration(left)}, so an owner is probably at work.`
        : `Its lease ran out ${duration(left)} ago.`,
      'After the release the next caller runs the effect again, as if this attempt had never begun: its policy for',
      'abandoned operations (hold, reconcile) is not asked. An owner that still runs is fenced out and cannot settle it,',
      'but what it has done stays done.',
    ]
  },
  async apply(store, { id, owner, fence }) {
    const [outcome] = await store.release([{ id, owner, fence }])
    return outcome ?? 'lost'
  },
}
