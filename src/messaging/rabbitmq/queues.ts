import type { RabbitChannel } from './client.ts'

/** How long a message may wait before it comes again; each step is a queue, so that a long wait delays no short one. */
const STEPS_MS = [1_000, 10_000, 60_000] as const

/** Where messages of `queue` are put aside. */
export const deadQueue = (queue: string): string => `${queue}.dead`

/** Where a message of `queue` waits for `delayMs`: the queue that holds none that wait for much longer. */
export function retryQueue(queue: string, delayMs: number): string {
  return retryName(queue, STEPS_MS.find((step) => delayMs <= step) ?? STEPS_MS[STEPS_MS.length - 1])
}

/**
 * Every process that dies returns all that it was given, so the message that kills it must not use up the limit of its
 * neighbours. Attempts are counted in the store.
 */
const DELIVERY_LIMIT = 1_000

const retryName = (queue: string, step: number | undefined) => `${queue}.retry-${step}`

/**
 * Declares `queue`, the queues where its messages wait for the next attempt, and the one for messages put aside: all of
 * them quorum queues. RabbitMQ 3.10 or later. Does nothing to queues that are there in the same form.
 * @throws what the client throws when one of them is there in another form
 */
export async function declareQueues(channel: Pick<RabbitChannel, 'assertQueue'>, queue: string): Promise<void> {
  const quorum = { 'x-queue-type': 'quorum' }
  await channel.assertQueue(deadQueue(queue), { durable: true, arguments: quorum })
  // A message that leaves a queue by itself is only removed there when the next queue has confirmed it. Without both of
  // these arguments RabbitMQ forwards it unconfirmed.
  const safely = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' }
  const to = (name: string) => ({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': name })
  for (const step of STEPS_MS) {
    await channel.assertQueue(retryName(queue, step), {
      durable: true,
      arguments: { ...quorum, ...safely, ...to(queue) },
    })
  }
  // Only by the delivery limit of the broker: what we put aside goes there with its reason.
  const limited = { 'x-delivery-limit': DELIVERY_LIMIT }
  await channel.assertQueue(queue, {
    durable: true,
    arguments: { ...quorum, ...limited, ...safely, ...to(deadQueue(queue)) },
  })
}
