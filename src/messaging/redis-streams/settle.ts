import { quote } from '../../core/key.ts'
import type { Verdict } from '../delivery.ts'
import type { Group } from './group.ts'
import type { HeldEntry, Holdings } from './holdings.ts'

/** After Redis did not take a verdict: the memory is full, or the connection is lost. */
const REFUSED_PAUSE_MS = 1_000

/** Carries out verdicts. */
export function settler(group: Group, holdings: Holdings, isEnding: () => boolean) {
  const acknowledge = gathered((ids) => group.ack(ids))

  async function orAgain(held: HeldEntry, tell: () => Promise<void>): Promise<void> {
    try {
      await tell()
    } catch (error) {
      // Kept, and judged again in a while: then it is found done, or parked.
      if (!isEnding()) holdings.again(held, REFUSED_PAUSE_MS)
      throw error
    }
    holdings.remove(held)
  }

  return async (held: HeldEntry, verdict: Verdict): Promise<void> => {
    if (held.lost) return holdings.remove(held)
    switch (verdict.kind) {
      case 'ack':
        return orAgain(held, () => acknowledge(held.entry.at))
      case 'dead-letter':
        return orAgain(held, () => group.bury(held.entry, verdict.reason, held.gone))
      case 'retry':
        if (!isEnding()) return holdings.again(held, verdict.delayMs)
        holdings.remove(held)
        if (held.gone) throw lastCopy(held)
        return group.giveBack([[held.entry.at, verdict.delayMs]])
      case 'none':
        return undefined
    }
  }
}

/** What a consumer says that stops with a message it could not give back. */
export function lastCopy({ entry, delivery }: HeldEntry): Error {
  return new Error(`message ${quote(delivery.id)} at ${entry.at} was trimmed before it was handled, and is lost`)
}

/** Calls of one turn of the event loop are told together. */
function gathered(tell: (ids: readonly string[]) => Promise<void>): (id: string) => Promise<void> {
  let ids: string[] = []
  let telling: Promise<void> | undefined
  return (id) => {
    ids.push(id)
    telling ??= Promise.resolve().then(() => {
      const together = ids
      ids = []
      telling = undefined
      return tell(together)
    })
    return telling
  }
}
