import { idOf } from './message.ts'
import { type HeldRecord, placeOf } from './partition.ts'

/** Number of latest copies remembered: many more than the messages held behind an unsettled one. */
const REMEMBERED = 10_000

/**
 * Sends the copy of each message once. After a rebalance an uncommitted message is delivered again, even while its copy
 * is being sent; a copy that failed is sent again.
 */
export function sentOnce(
  send: (held: HeldRecord, reason: string) => Promise<void>,
): (held: HeldRecord, reason: string) => Promise<void> {
  const copies = new Map<string, Promise<void>>()

  return (held, reason) => {
    const { partition, offset, record } = held
    // A recreated topic has other messages at the same offsets.
    const message = JSON.stringify([placeOf(partition), String(offset), record.timestamp, idOf(record)])
    const known = copies.get(message)
    if (known !== undefined) return known
    const sending = send(held, reason)
    copies.set(message, sending)
    sending.catch(() => copies.delete(message))
    for (const oldest of copies.keys()) {
      if (copies.size <= REMEMBERED) break
      copies.delete(oldest)
    }
    return sending
  }
}
