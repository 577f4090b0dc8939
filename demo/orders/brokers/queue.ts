import { type EmbeddedQueue, embeddedQueue, type ReceivedMessage } from 'onlyonce/embedded-queue'
import { messageFaults } from '../faults/plan.ts'
import { readOrderPaid, TOPIC } from '../shop/place-order.ts'
import { queueDb } from '../system/files.ts'
import { CONSUMERS, type Consumer } from '../system/messages.ts'
import { deliveryJournal } from './deliveries.ts'
import { VISIBILITY_MS } from './in-hand.ts'

/** The unprotected shop's queue, and the other one's default: each consumer gets every message about a paid order. */
export function openQueue(dir: string): EmbeddedQueue {
  return embeddedQueue({
    path: queueDb(dir),
    subscriptions: { [TOPIC]: CONSUMERS },
    visibilityMs: VISIBILITY_MS,
    // See `openDatabase`.
    durability: 'normal',
  })
}

/** Returns the number of messages that are not handled yet. */
export async function waitingIn(queue: EmbeddedQueue): Promise<number> {
  const stats = await queue.stats()
  return [...stats.values()].reduce((sum, { ready, out, behind }) => sum + ready + out + behind, 0)
}

export interface FaultyOptions {
  readonly dir: string
  readonly seed: number
  readonly consumer: Consumer
  /** Called with the number of messages that were delivered for the first time. */
  readonly onFirst: (count: number) => void
}

/**
 * The broker on a bad day: some messages come late, and some acknowledgements get lost, so that a handled message is
 * delivered again. Every delivery goes into a journal that outlives a killed consumer.
 */
export function withFaults(queue: EmbeddedQueue, { dir, seed, consumer, onFirst }: FaultyOptions): EmbeddedQueue {
  const journal = deliveryJournal(dir, consumer)
  const againAfter = new Map<string, number>()

  async function admit(message: ReceivedMessage): Promise<ReceivedMessage | undefined> {
    const { receipt } = message
    const { delayMs, againAfterMs } = messageFaults(seed, orderIdOf(message), consumer)
    // The delivery that was postponed here reached nobody, so it does not count.
    const deliveries = delayMs === undefined ? message.deliveries : message.deliveries - 1
    if (delayMs !== undefined && deliveries === 0) {
      await queue.retry(receipt, delayMs)
      return undefined
    }
    if (deliveries === 1) onFirst(1)
    if (deliveries === 1 && againAfterMs !== undefined) againAfter.set(receipt, againAfterMs)
    return { ...message, deliveries }
  }

  return {
    ...queue,
    async receive(from, max, visibilityMs) {
      const received = await queue.receive(from, max, visibilityMs)
      const admitted = (await Promise.all(received.map(admit))).filter((one) => one !== undefined)
      journal(admitted.map(orderIdOf))
      return admitted
    },
    async ack(receipt) {
      const afterMs = againAfter.get(receipt)
      if (afterMs === undefined) return queue.ack(receipt)
      againAfter.delete(receipt)
      await queue.retry(receipt, afterMs)
      return 'ok'
    },
  }
}

function orderIdOf({ body }: ReceivedMessage): string {
  return readOrderPaid(body).orderId
}
