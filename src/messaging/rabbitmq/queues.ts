import { invalidOption } from '../../core/options.ts'
import type { RabbitChannel } from './client.ts'

const LONGEST_MS = 3_600_000
/**
 * How long a message may wait before it comes again. Each step is a queue: RabbitMQ looks at the lifetime of the first
 * message of a queue only, so one that waits for short must not stand behind one that waits for very long.
 */
const STEPS_MS = [1_000, 10_000, 60_000, 600_000, LONGEST_MS] as const

/** Where messages of `queue` are put aside. */
export const deadQueue = (queue: string): string => `${queue}.dead`

/** @throws OnlyonceError OPTION_INVALID for pauses for which there is no queue */
export function checkPauses(maxBackoffMs: number): void {
  if (maxBackoffMs <= LONGEST_MS) return
  const rule = `must not be longer than the ${LONGEST_MS} ms for which the last retry queue keeps a message`
  throw invalidOption('maxBackoffMs', rule, maxBackoffMs)
}

/** Where a message of `queue` waits for `delayMs`: the queue that holds none that wait for much longer. */
export const retryQueue = (queue: string, delayMs: number): string => `${queue}.retry-${stepFor(delayMs)}`

const stepFor = (delayMs: number): number => STEPS_MS.find((step) => delayMs <= step) ?? LONGEST_MS

/**
 * Every process that dies returns all that it was given, so the message that kills it must not use up the limit of its
 * neighbours. Attempts are counted in the store.
 */
const DELIVERY_LIMIT = 1_000

/**
 * Declares `queue`, the queues where its messages wait for the next attempt, and the one for messages put aside: all of
 * them quorum queues. RabbitMQ 3.10 or later. Does nothing to queues that are there in the same form.
 * @param maxBackoffMs of its consumers: queues for longer pauses are left out. Default: for all that a consumer may have
 * @throws what the client throws when one of them is there in another form
 */
export async function declareQueues(
  channel: Pick<RabbitChannel, 'assertQueue'>,
  queue: string,
  maxBackoffMs: number = LONGEST_MS,
): Promise<void> {
  const quorum = { 'x-queue-type': 'quorum' }
  await channel.assertQueue(deadQueue(queue), { durable: true, arguments: quorum })
  // A message that leaves a queue by itself is only removed there when the next queue has confirmed it. Without both of
  // these arguments RabbitMQ forwards it unconfirmed.
  const safely = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' }
  const to = (name: string) => ({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': name })
  for (const step of STEPS_MS.filter((one) => one <= stepFor(maxBackoffMs))) {
    await channel.assertQueue(retryQueue(queue, step), {
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
