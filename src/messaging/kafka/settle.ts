import type { Backlog } from '../backlog.ts'
import type { Verdict } from '../delivery.ts'
import type { HeldRecord } from './partition.ts'

/** After Kafka did not take a message to be put aside: its topic is missing, or no replica answers. */
const REFUSED_PAUSE_MS = 1_000

export interface Settling {
  /** Resolves when Kafka has the copy for good. */
  readonly putAside: (held: HeldRecord, reason: string) => Promise<void>
  readonly onSettled: (held: HeldRecord) => void
  readonly isEnding: () => boolean
}

/** Carries out verdicts. What is settled is committed with all that lies before it, and not earlier. */
export function settler(backlog: Backlog<HeldRecord>, { putAside, onSettled, isEnding }: Settling) {
  function settled(held: HeldRecord): void {
    held.progress.watermark.settle(held.offset)
    backlog.done(held)
    onSettled(held)
  }

  return async (held: HeldRecord, verdict: Verdict): Promise<void> => {
    // Whoever has the partition now is given the message again.
    if (!held.isOurs()) return backlog.done(held)
    switch (verdict.kind) {
      case 'ack':
        return settled(held)
      case 'dead-letter':
        try {
          await putAside(held, verdict.reason)
        } catch (error) {
          if (held.isOurs() && !isEnding()) backlog.again(held, REFUSED_PAUSE_MS)
          throw error
        }
        return settled(held)
      case 'retry':
        // Kafka has no place for one message to wait in. Not committed, it is read again by whoever comes next.
        if (!isEnding()) backlog.again(held, verdict.delayMs)
        return
      case 'none':
        return undefined
    }
  }
}
