import { setTimeout as pause } from 'node:timers/promises'
import type { EmbeddedQueue } from 'onlyonce/embedded-queue'
import type { Shop } from '../../stores/place.ts'
import { EFFECTS } from '../effects.ts'
import { readOrderPaid } from '../place-order.ts'

const BATCH = 100
const IDLE_MS = 20

/**
 * The natural way: the order's own state is the record. `paid → completed` happens once however often it is requested,
 * so this consumer needs no inbox, and a batch shares one transaction. It acknowledges only after the commit.
 */
export async function completeOrders(queue: EmbeddedQueue, shop: Shop): Promise<void> {
  const { service, sql, values } = EFFECTS.fulfilment
  const { store, write } = await shop.books(service)

  async function round(): Promise<number> {
    const batch = await queue.receive('fulfilment', BATCH)
    if (batch.length === 0) return 0
    await store.transaction(async (tx) => {
      for (const { body } of batch) await write(tx, sql, values(readOrderPaid(body)))
    })
    await Promise.all(batch.map(({ receipt }) => queue.ack(receipt)))
    return batch.length
  }

  async function forever(): Promise<never> {
    for (;;) if ((await round()) === 0) await pause(IDLE_MS)
  }
  // An error ends the process and the supervisor restarts it: the broker still has the unacknowledged messages.
  void forever()
}
