import { onlyonce } from 'onlyonce'
import { consume, type EmbeddedQueue } from 'onlyonce/embedded-queue'
import { sqliteStore } from 'onlyonce/sqlite'
import { VISIBILITY_MS } from '../../broker/broker.ts'
import type { Consumer } from '../../system/messages.ts'
import { EFFECTS } from '../effects.ts'
import type { OrderPaid } from '../place-order.ts'

/** Effect and record of the message commit in one transaction of the consumer's own database. */
export async function handlePaidOrders(queue: EmbeddedQueue, name: Consumer, dir: string): Promise<void> {
  const { file, table, apply } = EFFECTS[name]
  const store = sqliteStore({ path: file(dir), durability: 'normal', migrate: 'auto' })
  await store.transaction(async (tx) => tx.exec(table))
  consume({
    queue,
    from: name,
    once: onlyonce({ store, scope: 'shop' }),
    name,
    mode: 'atomic',
    visibilityMs: VISIBILITY_MS,
    handle: (message, tx) => apply(tx, message.json() as OrderPaid),
  })
}
