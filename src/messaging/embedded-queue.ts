import { quote } from '../core/key.ts'
import { invalidOption } from '../core/option-rules.ts'
import { sleep } from '../core/runtime.ts'
import type { Consume } from './consume.ts'
import { type Consumer, checkedPullOptions, type PullOptions } from './consumer.ts'
import { checkQueueName } from './embedded/options.ts'
import type { EmbeddedQueue } from './embedded/queue.ts'
import type { ReceivedMessage } from './embedded/receiving.ts'
import { labelsOf } from './headers.ts'
import { type InboxOptions, inbox } from './inbox.ts'
import { pullConsumer } from './pull.ts'
import type { Pulled, PullSource } from './pull-source.ts'

export type { PublishResult } from '../core/publisher.ts'
export type { Consumer, ConsumerEvent, PullOptions } from './consumer.ts'
export type { DeadLetterPage } from './embedded/calls.ts'
export type { DeadLetter } from './embedded/dead-letters.ts'
export type { EmbeddedQueueOptions } from './embedded/options.ts'
export { type EmbeddedQueue, embeddedQueue, type QueueStats } from './embedded/queue.ts'
export type { ReceivedMessage } from './embedded/receiving.ts'
export type { QueueMessage } from './embedded/rows.ts'
export type { ReceiptOutcome } from './embedded/settling.ts'
export { CONSUMER_HEADER, REASON_HEADER, SOURCE_HEADER } from './headers.ts'
export { type Delivery, type Inbox, type InboxOptions, type Message, Unprocessable, type Verdict } from './inbox.ts'

/** What to consume from an embedded queue, and how. */
export interface EmbeddedQueueSource extends PullOptions {
  /** What `embeddedQueue` returned. It stays yours: close it after `stop`. */
  readonly queue: EmbeddedQueue
  /** The name of the queue to consume. */
  readonly from: string
}

/**
 * Handles every message of a queue once, until stopped.
 * @throws OnlyonceError OPTION_INVALID
 */
export const consume: Consume<EmbeddedQueueSource> = <Tx>(
  options: InboxOptions<Tx> & EmbeddedQueueSource,
): Consumer => {
  const { queue, from, concurrency, prefetch, pollMs, onEvent, ...rest } = Object(options) as typeof options
  if (typeof Object(queue).receive !== 'function')
    throw invalidOption('queue', 'is required: what embeddedQueue() answered', queue)
  checkQueueName('from', from)
  const pulling = checkedPullOptions({ concurrency, prefetch, pollMs, onEvent }, rest)
  const handled = inbox(rest as InboxOptions<Tx>)
  const { visibilityMs } = handled
  warnUnlessSubscribed(queue, rest.name, from)
  const source: PullSource = {
    receive: async (max) =>
      (await queue.receive(from, max, visibilityMs)).map((one) => pulledFrom(queue, rest.name, from, one)),
    hasDue: () => queue.hasDue(from),
    watch: (wake) => queue.watch(from, wake),
  }
  return pullConsumer(source, handled, { ...pulling, runtime: queue.runtime, visibilityMs })
}

/** Not refused: what is left in a queue that is no longer subscribed has to be consumed, too. */
function warnUnlessSubscribed({ subscribers }: EmbeddedQueue, name: string, from: string): void {
  if (subscribers.size === 0 || subscribers.has(from)) return
  const others = [...subscribers].map(quote).join(', ')
  const what = `consumer ${quote(name)} consumes the queue ${quote(from)} (option \`from\`)`
  const warning = `${what}, which gets no topic by the \`subscriptions\` of its embedded queue: those name ${others}`
  process.emitWarning(warning, { code: 'ONLYONCE_SUBSCRIPTION' })
}

/** Short compared with any visibility time. */
const GATHER_ACKS_MS = 5

function pulledFrom(queue: EmbeddedQueue, consumer: string, source: string, message: ReceivedMessage): Pulled {
  const { id, body, headers, orderingKey, deliveries, publishedAt, receipt } = message
  return {
    delivery: {
      id,
      source,
      publishedAt,
      body,
      headers,
      ...(orderingKey === undefined ? {} : { orderingKey }),
      redelivered: deliveries > 1,
      extend: (ms) => queue.extend(receipt, ms),
    },
    async settle(verdict) {
      switch (verdict.kind) {
        case 'ack':
          // Waiting lets acks share one commit. With an ordering key there is no time: the next message waits for this
          // ack.
          if (orderingKey === undefined) await sleep(queue.runtime, GATHER_ACKS_MS)
          return queue.ack(receipt)
        case 'retry':
          return queue.retry(receipt, verdict.delayMs)
        case 'dead-letter':
          return queue.deadLetter(receipt, verdict.reason, labelsOf(consumer, source, verdict.reason))
        case 'none':
          return undefined
      }
    },
  }
}
