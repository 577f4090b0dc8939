import { timeLimit } from '../core/time-limit.ts'
import { createBacklog } from './backlog.ts'
import type { Consume } from './consume.ts'
import { type Consumer, type ConsumerOptions, checkedPullOptions, endedBy } from './consumer.ts'
import { type InboxOptions, inbox } from './inbox.ts'
import { createCustody } from './nats/custody.ts'
import { createGate } from './nats/gate.ts'
import { type HeldMessage, heldMessage } from './nats/held.ts'
import { keepLinked } from './nats/link.ts'
import { deliveryOf, orderingKeyOf, publishedAt, readHeaders } from './nats/message.ts'
import { checkedSource, type NatsSource } from './nats/options.ts'
import { createOrigin } from './nats/origin.ts'
import { settler } from './nats/settle.ts'
import { pullConsumer } from './pull.ts'
import type { Pulled, PullSource } from './pull-source.ts'

export type { Publisher, PublishResult } from '../core/publisher.ts'
export type { OutboxMessage } from '../core/store.ts'
export type { Consumer, ConsumerEvent, ConsumerOptions } from './consumer.ts'
export { CONSUMER_HEADER, ID_HEADER, ORDERING_KEY_HEADER, REASON_HEADER, SOURCE_HEADER } from './headers.ts'
export { type Delivery, type Inbox, type InboxOptions, type Message, Unprocessable, type Verdict } from './inbox.ts'
export { type AlreadyPublishedOptions, alreadyPublished } from './nats/already-published.ts'
export type { NatsConnection, NatsHeaders, NatsJetStream, NatsMessage } from './nats/client.ts'
export { MSG_ID_HEADER, SUBJECT_HEADER } from './nats/message.ts'
export type { NatsSource } from './nats/options.ts'
export { type NatsPublisherOptions, publisher } from './nats/publisher.ts'

/** Messages wake the consumer; polling only makes up for a lost wake-up. */
const POLL_MS = 1_000
/** The server notices an expired ack wait only a moment later. */
const SLACK_MS = 1_000
/** A server that does not answer must not delay `stop`. */
const FLUSH_LIMIT_MS = 5_000
const NANOS = 1_000_000

/** Gives messages back in stream order: the server delivers them before new ones. */
function nakInOrder(given: HeldMessage[]): void {
  given.sort((a, b) => a.message.info.streamSequence - b.message.info.streamSequence)
  for (const { message } of given) message.nak()
}

function isBehind(one: HeldMessage, other: HeldMessage): boolean {
  return one.message.info.streamSequence > other.message.info.streamSequence
}

/**
 * Handles every message of a durable pull consumer of JetStream once, until stopped. A lost server or consumer is
 * opened again; the messages it had delivered are redelivered, and are found done or started anew.
 * @throws OnlyonceError OPTION_INVALID
 */
export const consume: Consume<NatsSource & ConsumerOptions> = <Tx>(
  options: InboxOptions<Tx> & NatsSource & ConsumerOptions,
): Consumer => {
  const { connection, jetstream, headers, stream, durable, subject, orderingKey, deadSubject, declare, ...others } =
    Object(options) as typeof options
  const { concurrency, prefetch, onEvent, ...rest } = others
  const from = checkedSource(
    { connection, jetstream, headers, stream, durable, subject, orderingKey, deadSubject, declare },
    rest.name,
  )
  const pulling = checkedPullOptions({ concurrency, prefetch, pollMs: POLL_MS, onEvent }, rest)
  const handled = inbox(rest as InboxOptions<Tx>)
  const { runtime } = rest.once.options
  const slots = pulling.concurrency + pulling.prefetch
  let ending = false
  let paused = false
  let ackWaitMs = 0
  let horizonMs: number | undefined

  const backlog = createBacklog<HeldMessage>(runtime)
  const origin = createOrigin()
  const gate = createGate(runtime, (held) => backlog.add(held))
  const custody = createCustody(connection, runtime, onLost)
  const settle = settler(from, rest.name, custody, backlog, () => ending)

  /**
   * Messages with its key must not overtake it: those not begun are dropped too, and are redelivered after it. So are
   * those begun in a batch with it, unless that succeeds.
   */
  function onLost(held: HeldMessage): void {
    if (held.orderingKey !== undefined) {
      gate.lost(held, ackWaitMs + SLACK_MS)
      for (const next of custody) {
        if (next.orderingKey !== held.orderingKey) continue
        if (!next.begun) custody.lose(next)
        else if (isBehind(next, held)) next.behindLost = true
      }
    }
    backlog.dropLost()
    link.wake()
  }

  /** Messages that wait here during a pause would wait for `resume`, although other processes could handle them. */
  function giveUnbegunBack(): void {
    const all = [...custody]
    // A message that runs may fail and be given back too: those behind it must not be before it then.
    const running = new Set(all.flatMap(({ begun, orderingKey }) => (begun ? [orderingKey] : [])))
    const waits = ({ orderingKey }: HeldMessage) => orderingKey !== undefined && running.has(orderingKey)
    const given = all.filter((held) => !held.begun && held.isOurs() && !waits(held))
    nakInOrder(given)
    drop(given)
  }

  function dropUnbegun(): void {
    drop([...custody].filter(({ begun }) => !begun))
  }

  function drop(dropped: readonly HeldMessage[]): void {
    for (const held of dropped) {
      held.lost = true
      custody.release(held)
    }
    if (dropped.length > 0) backlog.dropLost()
  }

  const pulled = (held: HeldMessage): Pulled => {
    held.begun = true
    const maybeSeen = held.seen || origin.maybeSeen(publishedAt(held.message.timestampNanos))
    return {
      delivery: {
        ...deliveryOf(stream, held, maybeSeen),
        extend: async () => (held.isOurs() ? 'ok' : 'lost'),
      },
      settle: (verdict) => settle(held, verdict).finally(() => link.wake()),
    }
  }
  const source: PullSource = {
    receive: async (max, gathering) => (paused ? [] : backlog.take(max, gathering).map(pulled)),
    watch: backlog.watch,
    setPaused(now) {
      paused = now
      link.wake()
    },
  }
  const consumer = pullConsumer(source, handled, { ...pulling, runtime, visibilityMs: handled.visibilityMs })
  const link = keepLinked(from, { ackWaitMs: handled.visibilityMs, atOnce: slots }, runtime, {
    onOpen({ streamInfo, info, ...opened }, again) {
      checkHorizon(streamInfo.config.max_age / NANOS)
      ackWaitMs = opened.ackWaitMs
      // In a stream that was created again, what we say of an old message would count for the new one in its place.
      if (!again) drop([...custody])
      // What the previous durable consumer had delivered is redelivered, in order.
      if (origin.isOther(info)) dropUnbegun()
      if (!again && info.num_ack_pending > 0)
        gate.missing(info.num_ack_pending, info.delivered.stream_seq, ackWaitMs + SLACK_MS)
      // Which ones is not known, only that they come again when their ack wait is over.
      if (origin.hasMissed(info) && again) gate.missing(Number.POSITIVE_INFINITY, 0, ackWaitMs + SLACK_MS)
      gate.settleDoubt()
    },
    onInterrupted: () => gate.doubt(),
    onInfo: (info) => void origin.isOther(info),
    onMessage(message, askedAt) {
      if (origin.beganAnew(message.info.deliverySequence)) dropUnbegun()
      const read = readHeaders(message)
      const held = heldMessage(read, { ackWaitMs, askedAt, orderingKey: orderingKeyOf(read, orderingKey) }, runtime)
      custody.add(held)
      if (!gate.keeps(held, askedAt)) backlog.add(held)
    },
    onExhausted: (askedAt) => gate.exhausted(askedAt),
    room() {
      // Only now that no request is open: it would get them again.
      if (paused) {
        giveUnbegunBack()
        return 0
      }
      // The messages the gate waits for must find room, or it stays closed.
      if (gate.isClosed && runtime.elapsed() >= gate.until) return slots
      const room = slots - custody.size
      return room < Math.ceil(slots / 4) ? 0 : room
    },
    onFailure: (error) => pulling.onEvent({ type: 'broker-failed', verb: 'receive', error }),
  })

  /** A stream without `max_age` redelivers unacknowledged messages for ever. That is the default: no warning. */
  function checkHorizon(ageMs: number): void {
    if (horizonMs === ageMs) return
    if (ageMs > 0 || rest.strict) handled.checkHorizon(ageMs > 0 ? ageMs : Number.POSITIVE_INFINITY)
    horizonMs = ageMs
  }

  async function giveBack(): Promise<void> {
    const ours = [...custody].filter((held) => held.isOurs())
    nakInOrder(ours)
    custody.stop()
    if (ours.length === 0 || connection.isClosed()) return
    const silent = () => new Error(`NATS did not answer within ${FLUSH_LIMIT_MS} ms: what is left comes again later`)
    await timeLimit(runtime, connection.flush(), FLUSH_LIMIT_MS, silent)
  }

  return endedBy(consumer, async () => {
    ending = true
    await link.cancel()
    await consumer.stop()
    backlog.end()
    await giveBack().catch((error: unknown) => pulling.onEvent({ type: 'broker-failed', verb: 'settle', error }))
  })
}
