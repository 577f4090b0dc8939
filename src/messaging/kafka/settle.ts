import type { Backlog } from '../backlog.ts'
import type { Verdict } from '../delivery.ts'
import { orAgain } from '../or-again.ts'
import type { HeldRecord } from './partition.ts'

export interface Settling {
  /** Resolves when Kafka has the copy durably. */
  readonly putAside: (held: HeldRecord, reason: string) => Promise<void>
  readonly onSettled: (held: HeldRecord) => void
  readonly isEnding: () => boolean
}

/** Carries out verdicts. A settled message is committed only when all messages before it are settled too. */
export function settler(backlog: Backlog<HeldRecord>, { putAside, onSettled, isEnding }: Settling) {
  function settled(held: HeldRecord): void {
    held.progress.watermark.settle(held.offset)
    backlog.done(held)
    onSettled(held)
  }

  return async (held: HeldRecord, verdict: Verdict): Promise<void> => {
    // The partition's new owner receives the message again.
    if (!held.isOurs()) return backlog.done(held)
    switch (verdict.kind) {
      case 'ack':
        return settled(held)
      case 'dead-letter':
        await orAgain(held, isEnding, backlog.again, () => putAside(held, verdict.reason))
        held.progress.parked.add(held.offset)
        return settled(held)
      case 'retry':
        // Kafka cannot delay a single message. At the end it stays uncommitted, and the next owner reads it again.
        if (!isEnding()) backlog.again(held, verdict.delayMs)
        return
      case 'none':
        return undefined
    }
  }
}
