import { createBacklog } from './backlog.ts'
import type { Consume } from './consume.ts'
import { type Consumer, type ConsumerOptions, checkedPullOptions, endedBy } from './consumer.ts'
import { labelsOf } from './headers.ts'
import { type InboxOptions, inbox } from './inbox.ts'
import { type Assignment, createAssignment } from './kafka/assignment.ts'
import { sentOnce } from './kafka/copies.ts'
import { createDeadLetters } from './kafka/dead-letters.ts'
import { keepConsuming } from './kafka/link.ts'
import { deadCopy, deliveryOf } from './kafka/message.ts'
import { checkedSource, type KafkaSource } from './kafka/options.ts'
import { type HeldRecord, placeOf, redelivered } from './kafka/partition.ts'
import { settler } from './kafka/settle.ts'
import { pullConsumer } from './pull.ts'
import type { Pulled, PullSource } from './pull-source.ts'

export type { Publisher, PublishResult } from '../core/publisher.ts'
export type { OutboxMessage } from '../core/store.ts'
export type { Consumer, ConsumerEvent } from './consumer.ts'
export { CONSUMER_HEADER, ID_HEADER, ORDERING_KEY_HEADER, REASON_HEADER, SOURCE_HEADER } from './headers.ts'
export { type Delivery, type Inbox, type InboxOptions, type Message, Unprocessable, type Verdict } from './inbox.ts'
export {
  type AlreadyPublishedOptions,
  alreadyPublished,
  type KafkaAlreadyPublished,
} from './kafka/already-published.ts'
export type { KafkaClient, KafkaConsumerConfig, KafkaProducer } from './kafka/client.ts'
export { deadTopic } from './kafka/dead-letters.ts'
export { BODY_OMITTED_HEADER } from './kafka/message.ts'
export type { KafkaSource } from './kafka/options.ts'
export { type KafkaPublisher, type KafkaPublisherOptions, publisher } from './kafka/publisher.ts'
export { type Transform, transform } from './kafka/transform.ts'
export type { Output, TransformEvent, TransformOptions } from './kafka/transform-options.ts'

/** How a consumer of Kafka takes messages, and whom it tells. */
export interface KafkaConsumerOptions extends ConsumerOptions {
  /** Default 500. A partition with more held messages than that is not fetched until at most half as many are held. */
  readonly prefetch?: number
}

/** Messages wake the consumer; polling only makes up for a lost wake-up. */
const POLL_MS = 1_000

/**
 * Handles every message of the topics once, as a member of a consumer group, until stopped. Committed offsets never
 * pass a message that is not settled. A lost consumer is replaced.
 * @throws OnlyonceError OPTION_INVALID
 */
export const consume: Consume<KafkaSource & KafkaConsumerOptions> = <Tx>(
  options: InboxOptions<Tx> & KafkaSource & KafkaConsumerOptions,
): Consumer => {
  const {
    kafka,
    topic,
    groupId,
    fromBeginning,
    order,
    declare,
    consumer: settings,
    ...others
  } = Object(options) as typeof options
  const { concurrency, prefetch = 500, onEvent, ...rest } = others
  const handled = inbox(rest as InboxOptions<Tx>)
  const group = groupId ?? rest.name
  const from = checkedSource({ kafka, topic, groupId: group, fromBeginning, order, declare, consumer: settings })
  const pulling = checkedPullOptions({ concurrency, prefetch, pollMs: POLL_MS, onEvent }, rest)
  const { runtime } = rest.once.options
  const deadLetters = createDeadLetters(kafka)
  let ending = false
  const backlog = createBacklog<HeldRecord>(runtime)
  const settle = settler(backlog, {
    putAside: sentOnce(({ partition, offset, record }, reason) => {
      const labels = labelsOf(rest.name, `${placeOf(partition)}/${offset}`, reason)
      return deadLetters.send(partition.topic, deadCopy(record, labels))
    }),
    onSettled: ({ partition }) => assignment?.settled(partition),
    isEnding: () => ending,
  })

  const pulled = (held: HeldRecord): Pulled => ({
    delivery: {
      ...deliveryOf(held.partition, held.record, redelivered(held)),
      // Kafka gives a partition to another member only in a rebalance, so there is nothing to ask for.
      extend: async () => (held.isOurs() ? 'ok' : 'lost'),
    },
    settle: (verdict) => settle(held, verdict),
    isOurs: held.isOurs,
  })
  const source: PullSource = {
    receive: async (max, gathering) => backlog.take(max, gathering).map(pulled),
    watch: backlog.watch,
  }
  // At most one batch is fetched ahead: other messages wait in the backlog, which a rebalance empties.
  const consumer = pullConsumer(source, handled, {
    ...{ ...pulling, prefetch: handled.batch?.maxSize ?? 0 },
    ...{ runtime, visibilityMs: handled.visibilityMs },
  })
  const onFailure = (error: unknown) => pulling.onEvent({ type: 'broker-failed', verb: 'receive', error })
  let assignment: Assignment | undefined
  const link = keepConsuming(from, runtime, {
    open(member, admin) {
      assignment = createAssignment(member, admin, {
        ...{ groupId: group, limit: pulling.prefetch, order: from.order, runtime, onFailure },
        onRecord: (held) => backlog.add(held),
        onLost: () => backlog.dropLost(),
      })
      return assignment
    },
    onRetention: handled.checkHorizon,
    onFailure,
  })

  return endedBy(consumer, async () => {
    ending = true
    link.cancel()
    await consumer.stop()
    backlog.end()
    await link.close()
    await deadLetters.close()
  })
}
