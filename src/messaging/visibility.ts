import type { Runtime } from '../core/runtime.ts'
import { timeLimit } from '../core/time-limit.ts'
import type { Delivery } from './delivery.ts'

export interface Visibility {
  /** The broker gave the message to somebody else. */
  readonly lost: boolean
  /** Must be called, however the work ends. */
  stop(): void
}

/**
 * Keeps the broker from handing the message to somebody else, asking every third of `ms`, until stopped or lost.
 * A broker that does not answer is asked again: only its own word says that the message is lost.
 */
export function keepVisible(runtime: Runtime, { extend }: Delivery, ms: number, onLost: () => void): Visibility {
  let lost = false
  let stopped = extend === undefined
  let cancel = stopped ? () => {} : runtime.after(ms / 3, () => void ask())

  async function ask(): Promise<void> {
    const answer = await timeLimit(runtime, answerOf(extend, ms), ms / 3, () => undefined).catch(() => undefined)
    if (stopped) return
    if (answer === 'lost') {
      lost = true
      stopped = true
      onLost()
    } else cancel = runtime.after(ms / 3, () => void ask())
  }

  return {
    get lost() {
      return lost
    },
    stop() {
      stopped = true
      cancel()
    },
  }
}

/** An adapter that throws instead of rejecting is one that did not answer. */
async function answerOf(extend: Delivery['extend'], ms: number) {
  return extend?.(ms)
}
