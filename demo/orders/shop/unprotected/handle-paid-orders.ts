import { setTimeout as pause } from 'node:timers/promises'
import type { EmbeddedQueue, ReceivedMessage } from 'onlyonce/embedded-queue'
import { serviceDb } from '../../system/files.ts'
import type { Consumer } from '../../system/messages.ts'
import { openDatabase } from '../database.ts'
import { EFFECTS } from '../effects.ts'
import { readOrderPaid } from '../place-order.ts'
import { TABLES } from '../tables.ts'

/** How many messages a consumer gets from its broker at a time. */
const BATCH = 32
const IDLE_MS = 20

/**
 * Two habits. Acknowledging on receipt, as `noAck` and automatic commits do, loses the messages a process holds when it
 * dies. Acknowledging after the work is careful, but repeats the work if the acknowledgement is lost. Neither checks
 * whether the message was handled before: the broker promises to deliver it.
 */
const ACKS: Readonly<Record<Consumer, 'on receipt' | 'after the work'>> = {
  coupon: 'on receipt',
  points: 'after the work',
  fulfilment: 'on receipt',
}

export async function handlePaidOrders(queue: EmbeddedQueue, name: Consumer, dir: string): Promise<void> {
  const { service, sql, values } = EFFECTS[name]
  const db = await openDatabase(serviceDb(dir, service))
  db.exec(TABLES[service])
  const statement = db.prepare(sql)
  const work = ({ body }: ReceivedMessage) => statement.run(...values(readOrderPaid(body)))
  const ack = ({ receipt }: ReceivedMessage) => queue.ack(receipt)

  async function round(): Promise<number> {
    const batch = await queue.receive(name, BATCH)
    if (ACKS[name] === 'on receipt') {
      await Promise.all(batch.map(ack))
      for (const message of batch) work(message)
    } else {
      for (const message of batch) {
        work(message)
        await ack(message)
      }
    }
    return batch.length
  }

  async function forever(): Promise<never> {
    for (;;) if ((await round()) === 0) await pause(IDLE_MS)
  }
  // An error ends the process, and the supervisor restarts it, as everywhere.
  void forever()
}
