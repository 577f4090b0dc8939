import { checkedName, invalidOption } from '../../core/option-rules.ts'
import type { RabbitChannel } from './client.ts'

const LONGEST_MS = 3_600_000
/**
 * How long a message may wait before it comes again. Each step is a queue: RabbitMQ only checks the expiration of a
 * queue's first message, so a message with a short wait must not be behind one with a very long wait.
 */
const STEPS_MS = [1_000, 10_000, 60_000, 600_000, LONGEST_MS] as const

/** Where messages of `queue` are put aside. */
export const deadQueue = (queue: string): string => `${checkedName('queue', queue)}.dead`

/** @throws OnlyonceError OPTION_INVALID for pauses for which there is no queue */
export function checkPauses(maxBackoffMs: number): void {
  if (maxBackoffMs <= LONGEST_MS) return
  const rule = `must not be longer than the ${LONGEST_MS} ms for which the last retry queue keeps a message`
  throw invalidOption('maxBackoffMs', rule, maxBackoffMs)
}

/** Returns the queue where a message waits for `delayMs`: one without messages that wait for much longer. */
export const retryQueue = (queue: string, delayMs: number): string => `${queue}.retry-${stepFor(delayMs)}`

const stepFor = (delayMs: number): number => STEPS_MS.find((step) => delayMs <= step) ?? LONGEST_MS

/**
 * A process that dies returns all messages it holds, so a message that kills processes must not use up the limit of the
 * others. Attempts are counted in the store.
 */
const DELIVERY_LIMIT = 1_000

/**
 * Declares `queue`, the queues where its messages wait for the next attempt, and the one for messages put aside: all of
 * them quorum queues. RabbitMQ 3.10 or later. Does nothing to queues that exist in the same form.
 * @param maxBackoffMs of its consumers: queues for longer pauses are left out. Default: the longest allowed
 * @throws what the client throws when one of them exists in another form
 */
export async function declareQueues(
  channel: Pick<RabbitChannel, 'assertQueue'>,
  queue: string,
  maxBackoffMs: number = LONGEST_MS,
): Promise<void> {
  if (typeof Object(channel).assertQueue !== 'function')
    throw invalidOption('channel', 'must be a channel of amqplib', channel)
  const quorum = { 'x-queue-type': 'quorum' }
  await channel.assertQueue(deadQueue(queue), { durable: true, arguments: quorum })
  // With both arguments, a message that expires or exceeds the limit is removed only when the next queue has confirmed
  // it. Otherwise RabbitMQ forwards it unconfirmed.
  const safely = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' }
  const to = (name: string) => ({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': name })
  for (const step of STEPS_MS.filter((one) => one <= stepFor(maxBackoffMs))) {
    await channel.assertQueue(retryQueue(queue, step), {
      durable: true,
      arguments: { ...quorum, ...safely, ...to(queue) },
    })
  }
  // Only for the broker's delivery limit: messages that we put aside are sent there with their reason.
  const limited = { 'x-delivery-limit': DELIVERY_LIMIT }
  await channel.assertQueue(queue, {
    durable: true,
    arguments: { ...quorum, ...limited, ...safely, ...to(deadQueue(queue)) },
  })
}
