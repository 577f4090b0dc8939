import type { Backlog } from '../backlog.ts'
import type { Verdict } from '../delivery.ts'
import { orAgain } from '../or-again.ts'
import type { HeldRecord } from './partition.ts'

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
        await orAgain(held, isEnding, backlog.again, () => putAside(held, verdict.reason))
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
