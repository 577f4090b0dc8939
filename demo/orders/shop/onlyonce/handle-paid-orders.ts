import { onlyonce } from 'onlyonce'
import { consume, type EmbeddedQueue } from 'onlyonce/embedded-queue'
import { sqliteStore } from 'onlyonce/sqlite'
import { VISIBILITY_MS } from '../../broker/broker.ts'
import type { Consumer } from '../../system/messages.ts'
import { EFFECTS } from '../effects.ts'
import type { OrderPaid } from '../place-order.ts'

/** Enough to keep the broker's round trips few; what is in hand when a worker dies comes again. */
const IN_HAND = { concurrency: 32, prefetch: 96 }

/**
 * Effect and record of the message commit in one transaction of the consumer's own database. A message that comes again
 * finds the record and is acknowledged; a process that dies before the commit leaves nothing, and after it everything.
 */
export async function handlePaidOrders(queue: EmbeddedQueue, name: Consumer, dir: string): Promise<void> {
  const { file, table, apply } = EFFECTS[name]
  const store = sqliteStore({ path: file(dir), durability: 'normal', migrate: 'auto' })
  await store.transaction(async (tx) => tx.exec(table))
  consume({
    queue,
    from: name,
    // A message whose worker died is watched closely when it comes again, under a lease; a short one, for the next death.
    once: onlyonce({ store, scope: 'shop', leaseMs: VISIBILITY_MS }),
    name,
    mode: 'atomic',
    ...IN_HAND,
    handle: (message, tx) => apply(tx, message.json() as OrderPaid),
  })
}
