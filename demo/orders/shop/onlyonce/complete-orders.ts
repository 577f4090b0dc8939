import { setTimeout as pause } from 'node:timers/promises'
import type { EmbeddedQueue, ReceivedMessage } from 'onlyonce/embedded-queue'
import { sqliteStore } from 'onlyonce/sqlite'
import { EFFECTS } from '../effects.ts'
import type { OrderPaid } from '../place-order.ts'

const BATCH = 100
const IDLE_MS = 20

/**
 * The natural way: the order's own state is the record. `paid → completed` happens once however often it is asked for,
 * so this consumer needs no inbox, and a whole batch shares one transaction. Acknowledged after the commit, never before.
 */
export async function completeOrders(queue: EmbeddedQueue, dir: string): Promise<void> {
  const { file, table, apply } = EFFECTS.fulfilment
  const store = sqliteStore({ path: file(dir), durability: 'normal', migrate: 'auto' })
  await store.transaction(async (tx) => tx.exec(table))
  const paidOf = ({ body }: ReceivedMessage) => JSON.parse(Buffer.from(body).toString()) as OrderPaid

  async function round(): Promise<number> {
    const batch = await queue.receive('fulfilment', BATCH)
    if (batch.length === 0) return 0
    await store.transaction(async (tx) => {
      for (const message of batch) apply(tx, paidOf(message))
    })
    await Promise.all(batch.map(({ receipt }) => queue.ack(receipt)))
    return batch.length
  }

  async function forever(): Promise<never> {
    for (;;) if ((await round()) === 0) await pause(IDLE_MS)
  }
  // An error ends the process, and the supervisor starts it again: the broker still has what was not acknowledged.
  void forever()
}
