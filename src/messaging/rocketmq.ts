import { createBacklog } from './backlog.ts'
import type { Consume } from './consume.ts'
import { type Consumer, type ConsumerOptions, checkedPullOptions, endedBy } from './consumer.ts'
import { type InboxOptions, inbox } from './inbox.ts'
import { pullConsumer } from './pull.ts'
import type { Pulled, PullSource } from './pull-source.ts'
import { createCustody, type HeldMessage } from './rocketmq/custody.ts'
import { startFetching } from './rocketmq/fetching.ts'
import { deliveryOf } from './rocketmq/message.ts'
import { checkedSource, checkedTimes, MIN_INVISIBLE_MS, type RocketSource } from './rocketmq/options.ts'
import { settler } from './rocketmq/settle.ts'

export type { Publisher, PublishResult } from '../core/publisher.ts'
export type { OutboxMessage } from '../core/store.ts'
export type { Consumer, ConsumerEvent, ConsumerOptions } from './consumer.ts'
export { CONSUMER_HEADER, ID_HEADER, ORDERING_KEY_HEADER, REASON_HEADER, SOURCE_HEADER } from './headers.ts'
export { type Delivery, type Inbox, type InboxOptions, type Message, Unprocessable, type Verdict } from './inbox.ts'
export type { RocketChecker, RocketResolution } from './rocketmq/check-back.ts'
export type { RocketConsumer, RocketMessage, RocketOutgoing, RocketProducer } from './rocketmq/client.ts'
export { deadTopic, type RocketSource } from './rocketmq/options.ts'
export { publisher, type RocketPublisherOptions } from './rocketmq/publisher.ts'
export {
  type HalfMessage,
  type RocketTransaction,
  type RocketTransactional,
  type RocketTransactionalOptions,
  type RocketTransactionalProducer,
  transactional,
} from './rocketmq/transactional.ts'

/** Messages wake the consumer; polling only makes up for a lost wake-up. */
const POLL_MS = 1_000

/**
 * Handles every message that a `SimpleConsumer` receives once, until stopped. A message stays with this process until
 * it is settled; if its invisibility lapses, the broker delivers it again, and it is found done or started anew.
 * @throws OnlyonceError OPTION_INVALID
 */
export const consume: Consume<RocketSource & ConsumerOptions> = <Tx>(
  options: InboxOptions<Tx> & RocketSource & ConsumerOptions,
): Consumer => {
  const {
    consumer: from,
    producer,
    deadTopic,
    concurrency,
    prefetch,
    onEvent,
    ...rest
  } = Object(options) as typeof options
  const source = checkedSource({ consumer: from, producer, deadTopic })
  const pulling = checkedPullOptions({ concurrency, prefetch, pollMs: POLL_MS, onEvent }, rest)
  const handled = inbox(rest as InboxOptions<Tx>)
  const { visibilityMs } = handled
  checkedTimes({ visibilityMs, maxBackoffMs: rest.maxBackoffMs })
  const { runtime } = rest.once.options
  const capacity = pulling.concurrency + pulling.prefetch
  let ending = false
  let paused = false
  /** Messages that arrived after `stop` began, or in a pause: the request that was open then may still bring some. */
  const givenBack: Promise<void>[] = []
  const backlog = createBacklog<HeldMessage>(runtime)
  const { settle, giveBack } = settler(source.producer, rest.name, source.deadTopic, backlog, () => ending)
  const invisibleMs = Math.max(visibilityMs, MIN_INVISIBLE_MS)
  const custody = createCustody(runtime, invisibleMs, {
    onLost: () => backlog.dropLost(),
    onReleased: () => fetching.wake(),
    onFailure: (error) => pulling.onEvent({ type: 'broker-failed', verb: 'extend', error }),
  })

  const fetching = startFetching(source.consumer, invisibleMs, runtime, {
    roomFor() {
      const room = paused ? 0 : capacity - custody.size
      // Asked for in portions, so that a broker is not asked for every single message.
      return room >= Math.ceil(capacity / 4) ? room : 0
    },
    onMessages(messages, client) {
      for (const message of messages) {
        const held = custody.take(message, client)
        if (ending || paused) givenBack.push(told(giveBack(held)))
        else backlog.add(held)
      }
    },
    onFailure: (error) => pulling.onEvent({ type: 'broker-failed', verb: 'receive', error }),
  })

  const pulled = (held: HeldMessage): Pulled => ({
    delivery: { ...deliveryOf(held.message, held.seen), extend: (ms) => held.extend(ms) },
    settle: (verdict) => settle(held, verdict),
    putOff: (ms) => backlog.putOff(held, ms),
  })
  const taking: PullSource = {
    receive: async (max, gathering) => backlog.take(max, gathering).map(pulled),
    watch: backlog.watch,
    setPaused(now) {
      paused = now
      fetching.wake()
    },
  }
  const consumer = pullConsumer(taking, handled, { ...pulling, runtime, visibilityMs })

  /** On failure the broker delivers the message again by itself. */
  function told(asked: Promise<void>): Promise<void> {
    return asked.catch((error: unknown) => pulling.onEvent({ type: 'broker-failed', verb: 'settle', error }))
  }

  return endedBy(consumer, async () => {
    ending = true
    const fetched = fetching.end()
    await consumer.stop()
    backlog.end()
    // After all running handlers have ended: given back earlier, a message could overtake the one before it.
    await Promise.all(custody.all().map((held) => told(giveBack(held))))
    await fetched
    await Promise.all(givenBack)
    await fetching.close()
  })
}
