import { createBacklog } from './backlog.ts'
import type { Consume } from './consume.ts'
import { type Consumer, type ConsumerOptions, checkedPullOptions, endedBy } from './consumer.ts'
import { type InboxOptions, inbox } from './inbox.ts'
import { DEFAULT_MAX_BACKOFF_MS } from './inbox-settings.ts'
import { pullConsumer } from './pull.ts'
import type { Pulled, PullSource } from './pull-source.ts'
import { type HeldMessage, heldMessage } from './rabbitmq/held.ts'
import { keepLinked } from './rabbitmq/link.ts'
import { deliveryOf } from './rabbitmq/message.ts'
import { checkedSource, checkFetched, type RabbitSource } from './rabbitmq/options.ts'
import { checkPauses } from './rabbitmq/queues.ts'
import { settler } from './rabbitmq/settle.ts'

export type { Publisher, PublishResult } from '../core/publisher.ts'
export type { OutboxMessage } from '../core/store.ts'
export type { Consumer, ConsumerEvent, ConsumerOptions } from './consumer.ts'
export { CONSUMER_HEADER, ORDERING_KEY_HEADER, REASON_HEADER, SOURCE_HEADER } from './headers.ts'
export { type Delivery, type Inbox, type InboxOptions, type Message, Unprocessable, type Verdict } from './inbox.ts'
export type { RabbitChannel, RabbitConnection, RabbitMessage, RabbitQueueOptions } from './rabbitmq/client.ts'
export type { RabbitSource } from './rabbitmq/options.ts'
export { publisher, type RabbitPublisher, type RabbitPublisherOptions } from './rabbitmq/publisher.ts'
export { deadQueue, declareQueues } from './rabbitmq/queues.ts'

/** Messages wake the consumer; polling only makes up for a lost wake-up. */
const POLL_MS = 1_000

/**
 * Handles every message of a queue once, until stopped. A lost channel is opened again; the messages it had delivered
 * are redelivered, and are found done or started anew.
 * @throws OnlyonceError OPTION_INVALID
 */
export const consume: Consume<RabbitSource & ConsumerOptions> = <Tx>(
  options: InboxOptions<Tx> & RabbitSource & ConsumerOptions,
): Consumer => {
  const { connection, queue, declare, concurrency, prefetch, onEvent, ...rest } = Object(options) as typeof options
  const from = checkedSource({ connection, queue, declare })
  const pulling = checkedPullOptions({ concurrency, prefetch, pollMs: POLL_MS, onEvent }, rest)
  checkFetched(pulling.concurrency, pulling.prefetch)
  const handled = inbox(rest as InboxOptions<Tx>)
  const { maxBackoffMs = DEFAULT_MAX_BACKOFF_MS } = rest
  checkPauses(maxBackoffMs)
  const { runtime } = rest.once.options
  const ending = new AbortController()
  const backlog = createBacklog<HeldMessage>(runtime)
  const settle = settler(queue, rest.name, backlog, runtime, ending.signal)

  const pulled = (held: HeldMessage): Pulled => ({
    delivery: {
      ...deliveryOf(queue, held.message, held.seen),
      // RabbitMQ takes a message back only when its channel ends, so there is nothing to ask for.
      extend: async () => (held.isOurs() ? 'ok' : 'lost'),
    },
    settle: (verdict) => settle(held, verdict),
  })
  const source: PullSource = {
    receive: async (max, gathering) => backlog.take(max, gathering).map(pulled),
    watch: backlog.watch,
    setPaused: (paused) => link.setPaused(paused),
  }
  const consumer = pullConsumer(source, handled, { ...pulling, runtime, visibilityMs: handled.visibilityMs })
  const wanted = { prefetch: pulling.concurrency + pulling.prefetch, maxBackoffMs }
  const link = keepLinked(from, wanted, runtime, {
    onMessage: (message, channel) => backlog.add(heldMessage(message, channel)),
    onGone: () => backlog.dropLost(),
    onFailure: (error) => pulling.onEvent({ type: 'broker-failed', verb: 'receive', error }),
  })

  return endedBy(consumer, async () => {
    ending.abort()
    await link.cancel()
    await consumer.stop()
    backlog.end()
    await link.close()
  })
}
