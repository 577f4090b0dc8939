import type { Cancel } from '../core/runtime.ts'
import type { Consume } from './consume.ts'
import { type Consumer, checkedPullOptions, endedBy, type PullOptions } from './consumer.ts'
import { type InboxOptions, inbox } from './inbox.ts'
import { pullConsumer } from './pull.ts'
import type { Pulled, PullSource } from './pull-source.ts'
import { createGroup } from './redis-streams/group.ts'
import { createHoldings, type HeldEntry } from './redis-streams/holdings.ts'
import { checkedSource, type RedisStreamsSource } from './redis-streams/options.ts'
import { sendWith } from './redis-streams/port.ts'
import { createReader } from './redis-streams/reader.ts'
import { lastCopy, settler } from './redis-streams/settle.ts'

export type { Publisher, PublishResult } from '../core/publisher.ts'
export type { OutboxMessage } from '../core/store.ts'
export type { Consumer, ConsumerEvent, PullOptions } from './consumer.ts'
export { CONSUMER_HEADER, REASON_HEADER, SOURCE_HEADER } from './headers.ts'
export { type Delivery, type Inbox, type InboxOptions, type Message, Unprocessable, type Verdict } from './inbox.ts'
export type { RedisStreamsClient } from './redis-streams/client.ts'
export { FIELDS } from './redis-streams/entry.ts'
export { deadStream, type RedisStreamsSource } from './redis-streams/options.ts'
export { publisher, type RedisStreamsPublisherOptions } from './redis-streams/publish.ts'

/** With this many unsettled messages held, nothing new is read. */
const MOST_HELD = 1_000

/**
 * Handles every message of a stream once, until stopped, as one consumer of a group. Redis 6.2 or later.
 * @throws OnlyonceError OPTION_INVALID
 */
export const consume: Consume<RedisStreamsSource & PullOptions> = <Tx>(
  options: InboxOptions<Tx> & RedisStreamsSource & PullOptions,
): Consumer => {
  const {
    client,
    stream,
    group: groupName,
    consumer: consumerName,
    takeOverMs,
    deleteHandled,
    ...others
  } = Object(options) as typeof options
  const { concurrency, prefetch, pollMs, onEvent, ...rest } = others
  const pulling = checkedPullOptions({ concurrency, prefetch, pollMs, onEvent }, rest)
  const handled = inbox(rest as InboxOptions<Tx>)
  const { runtime } = rest.once.options
  const { visibilityMs } = handled
  const given = { stream, group: groupName, consumer: consumerName, takeOverMs, deleteHandled }
  const from = checkedSource(given, rest.name, visibilityMs, () => runtime.token())

  const group = createGroup(sendWith(client, runtime), from)
  let ending = false
  let paused = false
  const holdings = createHoldings(stream, group, runtime)
  const settle = settler(rest.name, group, holdings, () => ending)
  const report = (error: unknown) => pulling.onEvent({ type: 'broker-failed', verb: 'receive', error })
  const read = createReader(stream, group, holdings, runtime, { takeOverMs: from.takeOverMs, report })

  const pulled = (held: HeldEntry): Pulled => ({
    delivery: {
      ...held.delivery,
      redelivered: held.seen || held.delivery.redelivered,
      async extend() {
        await holdings.keep([held])
        return held.lost ? 'lost' : 'ok'
      },
    },
    settle: (verdict) => settle(held, verdict),
    putOff: (ms) => holdings.putOff(held, ms),
  })

  const most = pulling.concurrency + pulling.prefetch
  const source: PullSource = {
    async receive(max, gathering) {
      const ready = holdings.take(max, gathering)
      const room = Math.min(max - ready.length, most - holdings.waiting, MOST_HELD - holdings.size)
      if (paused || room <= 0) return ready.map(pulled)
      try {
        await read(room)
      } catch (error) {
        if (ready.length === 0) throw error
        report(error)
      }
      return [...ready, ...holdings.take(max - ready.length, gathering)].map(pulled)
    },
    watch: holdings.watch,
    setPaused(now) {
      paused = now
    },
  }
  const consumer = pullConsumer(source, handled, { ...pulling, runtime, visibilityMs })

  let cancelBeat: Cancel = () => {}
  let beating = true
  function beat(): void {
    cancelBeat = runtime.after(visibilityMs / 3, () => {
      // A failure is retried at the next beat: only an answer of Redis makes a message lost.
      void holdings
        .keep()
        .catch(() => {})
        .then(() => beating && beat())
    })
  }
  beat()

  async function end(): Promise<void> {
    ending = true
    await consumer.stop()
    // Only now: messages waiting behind a running handler are kept from others until they are given back.
    beating = false
    cancelBeat()
    const left = holdings.end()
    for (const held of left)
      if (held.gone) pulling.onEvent({ type: 'broker-failed', verb: 'settle', error: lastCopy(held) })
    try {
      await group.giveBack(left.map((held) => [held.entry.at, delayOf(held)] as const))
      await group.leave()
    } catch (error) {
      pulling.onEvent({ type: 'broker-failed', verb: 'settle', error })
    }
  }

  /** Messages behind it with its key are given back without delay, so it must not be delayed either. */
  function delayOf({ orderingKey, dueAt }: HeldEntry): number {
    return orderingKey === undefined ? Math.max(0, dueAt - runtime.elapsed()) : 0
  }

  return endedBy(consumer, end)
}
