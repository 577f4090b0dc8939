import { onlyonce } from 'onlyonce'
import type { Broker } from '../../brokers/broker.ts'
import { VISIBILITY_MS } from '../../brokers/in-hand.ts'
import type { Shop } from '../../stores/place.ts'
import type { Consumer } from '../../system/messages.ts'
import { EFFECTS } from '../effects.ts'
import type { OrderPaid } from '../place-order.ts'

/**
 * The atomic way, where records and books are in one database: effects and records of a batch of messages commit in one
 * transaction. A message that comes again finds its record and is acknowledged; a process that dies before the commit
 * leaves nothing, and after it everything.
 */
export async function handleTogether(broker: Broker, name: Consumer, shop: Shop): Promise<void> {
  const { service, sql, values } = EFFECTS[name]
  const { store, write } = await shop.books(service)
  await broker.consume(name, {
    // A message whose worker died is watched closely when it comes again, under a lease; a short one, for the next death.
    once: onlyonce({ store, scope: 'shop', leaseMs: VISIBILITY_MS }),
    name,
    delivers: 'exactly-once-effect',
    // Nobody waits for a coupon: a batch may take its time to fill.
    batch: { maxSize: 32, maxWaitMs: 100 },
    async handle(messages, tx) {
      for (const message of messages) await write(tx, sql, values(message.json() as OrderPaid))
    },
  })
}
