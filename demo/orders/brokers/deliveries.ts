import { openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { deliveriesFile } from '../system/files.ts'
import { CONSUMERS, type Consumer } from '../system/messages.ts'

/** Writes one line per delivery, to a file that outlives a killed consumer. */
export function deliveryJournal(dir: string, consumer: Consumer): (orderIds: readonly string[]) => void {
  const journal = openSync(deliveriesFile(dir, consumer), 'a')
  return (orderIds) => {
    if (orderIds.length > 0) writeSync(journal, orderIds.map((id) => `${id}\n`).join(''))
  }
}

/** Counts the pairs of order and consumer that were not delivered yet. */
export function createOutstanding(dir: string, orders: number): () => number {
  const seen = new Map(CONSUMERS.map((name) => [name, { size: 0, orders: 0 }]))
  return () => {
    for (const name of CONSUMERS) {
      const file = deliveriesFile(dir, name)
      const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0
      if (size === seen.get(name)?.size) continue
      const lines = readFileSync(file, 'utf8').split('\n')
      seen.set(name, { size, orders: new Set(lines.filter((line) => line !== '')).size })
    }
    return [...seen.values()].reduce((sum, one) => sum + orders - one.orders, 0)
  }
}
