import { quote } from '../../core/key.ts'
import type { Verdict } from '../delivery.ts'
import { labelsOf } from '../headers.ts'
import { orAgain } from '../or-again.ts'
import type { Group } from './group.ts'
import type { HeldEntry, Holdings } from './holdings.ts'

/** Carries out verdicts. */
export function settler(name: string, group: Group, holdings: Holdings, isEnding: () => boolean) {
  const acknowledge = gathered((ids) => group.ack(ids))

  async function end(held: HeldEntry, tell: () => Promise<void>): Promise<void> {
    held.ending = 'told'
    await orAgain(held, isEnding, holdings.again, tell)
    holdings.remove(held)
  }

  return async (held: HeldEntry, verdict: Verdict): Promise<void> => {
    if (held.lost) return holdings.remove(held)
    switch (verdict.kind) {
      case 'ack':
        return end(held, () => acknowledge(held.entry.at))
      case 'dead-letter':
        return end(held, () =>
          group.bury(held.entry, labelsOf(name, held.delivery.coordinates ?? '', verdict.reason), held.gone),
        )
      case 'retry':
        if (!isEnding()) return holdings.again(held, verdict.delayMs)
        // Given back with all the others soon: alone it would change places with those of its key.
        if (held.orderingKey !== undefined) return
        holdings.remove(held)
        if (held.gone) throw lastCopy(held)
        return group.giveBack([[held.entry.at, verdict.delayMs]])
      case 'none':
        return undefined
    }
  }
}

/** Returns the error of a consumer that stops with a message it cannot give back. */
export function lastCopy({ entry, delivery }: HeldEntry): Error {
  return new Error(`message ${quote(delivery.id)} at ${entry.at} was trimmed before it was handled, and is lost`)
}

/** Combines the calls of one turn of the event loop. */
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
