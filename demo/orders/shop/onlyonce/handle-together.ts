import { onlyonce } from 'onlyonce'
import type { Broker } from '../../brokers/broker.ts'
import { VISIBILITY_MS } from '../../brokers/in-hand.ts'
import type { Shop } from '../../stores/place.ts'
import type { Consumer } from '../../system/messages.ts'
import { EFFECTS } from '../effects.ts'
import type { OrderPaid } from '../place-order.ts'

/**
 * The atomic way, where records and business tables are in one database: effects and records of a batch commit in one
 * transaction. A redelivered message finds its record and is acknowledged; a process that dies leaves nothing before
 * the commit, and everything after it.
 */
export async function handleTogether(broker: Broker, name: Consumer, shop: Shop): Promise<void> {
  const { service, sql, values } = EFFECTS[name]
  const { store, write } = await shop.books(service)
  await broker.consume(name, {
    // A message whose worker died is handled under a lease when redelivered; a short one, in case the next worker dies.
    once: onlyonce({ store, scope: 'shop', leaseMs: VISIBILITY_MS }),
    name,
    delivers: 'exactly-once-effect',
    // Nobody waits for a coupon, so a batch may take time to fill.
    batch: { maxSize: 32, maxWaitMs: 100 },
    async handle(messages, tx) {
      for (const message of messages) await write(tx, sql, values(message.json() as OrderPaid))
    },
  })
}
