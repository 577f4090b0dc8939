import type { Cancel, Runtime } from '../core/runtime.ts'
import type { InboxBatch } from './inbox.ts'

/** Decides when the batch being gathered starts: when it is full, or `maxWaitMs` after its first message. */
export interface Gatherer extends InboxBatch {
  /** Identifies the batch being gathered. */
  readonly gathering: object
  /** Call when the batch has messages: starts its wait, once. */
  begun(): void
  isReady(messages: number): boolean
  /** The batch starts; the next one is gathered from now on. */
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
