import type { Cancel, Runtime } from '../core/runtime.ts'
import type { InboxBatch } from './inbox.ts'

/** When a batch that is being gathered starts: full, or `maxWaitMs` after its first message. */
export interface Gatherer extends InboxBatch {
  /** Stands for the batch that is being gathered now. */
  readonly gathering: object
  /** There are messages in it. */
  begun(): void
  isReady(messages: number): boolean
  /** It starts, and the next one is gathered. */
  next(): void
  end(): void
}

export function gatherer({ maxSize, maxWaitMs, receive }: InboxBatch, runtime: Runtime, onReady: () => void): Gatherer {
  let gathering = {}
  let waited = false
  let cancel: Cancel | undefined
  const stop = () => {
    cancel?.()
    cancel = undefined
  }
  return {
    maxSize,
    maxWaitMs,
    receive,
    get gathering() {
      return gathering
    },
    begun() {
      if (maxWaitMs === 0) waited = true
      else if (!waited) {
        cancel ??= runtime.after(maxWaitMs, () => {
          waited = true
          onReady()
        })
      }
    },
    isReady: (messages) => messages > 0 && (waited || messages >= maxSize),
    next() {
      stop()
      waited = false
      gathering = {}
    },
    end: stop,
  }
}
