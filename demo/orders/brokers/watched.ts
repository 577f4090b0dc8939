import type { ConsumerEvent } from 'onlyonce/embedded-queue'
import type { Publisher } from 'onlyonce/outbox'
import { chance } from '../faults/chance.ts'
import { readOrderPaid } from '../shop/place-order.ts'
import type { Consumer, WorkerSetup } from '../system/messages.ts'
import { createProgress } from '../system/progress.ts'
import { deliveryJournal } from './deliveries.ts'

/** The share of messages that are published again because their confirmation got lost. */
const LOST_CONFIRMS = 0.2

/** Returns an event listener that records the deliveries of a consumer on a server. */
export function deliveryWatch({ dir }: WorkerSetup, name: Consumer) {
  const journal = deliveryJournal(dir, name)
  const progress = createProgress()
  return (event: ConsumerEvent) => {
    if (event.type !== 'settled' || event.verdict.kind === 'none') return
    journal([readOrderPaid(event.delivery.body).orderId])
    if (!event.delivery.redelivered) progress.add(1)
  }
}

/** The relay on a bad day: the broker has a message but its confirmation is lost, so the relay publishes it again. */
export function withLostConfirms(publish: Publisher, seed: number): Publisher {
  const struck = new Set<string>()
  return async (batch) => {
    const results = await publish(batch)
    return results.map((result, index) => {
      const { id } = batch[index] as (typeof batch)[number]
      if (!result.ok || struck.has(id) || chance(seed, id, 'confirm') >= LOST_CONFIRMS) return result
      struck.add(id)
      return { ok: false, reason: 'the confirmation got lost' }
    })
  }
}

/** Publishes to the run's own topic. */
export function toTopic(topic: string, publish: Publisher): Publisher {
  return (batch) => publish(batch.map((message) => ({ ...message, topic })))
}
