import type { Cancel } from '../core/runtime.ts'
import type { Consume } from './consume.ts'
import { type Consumer, checkedPullOptions, endedBy, type PullOptions } from './consumer.ts'
import { type Delivery, type InboxOptions, inbox } from './inbox.ts'
import { type Pulled, type PullSource, pullConsumer } from './pull.ts'
import { createGroup } from './redis-streams/group.ts'
import { createHoldings, type HeldEntry } from './redis-streams/holdings.ts'
import { checkedSource, type RedisStreamsSource } from './redis-streams/options.ts'
import { scriptsOn, sendWith } from './redis-streams/port.ts'
import { createReader } from './redis-streams/reader.ts'
import { lastCopy, settler } from './redis-streams/settle.ts'

export type { Consumer, ConsumerEvent } from './consumer.ts'
export { REASON_HEADER } from './headers.ts'
export { type Delivery, type Inbox, type InboxOptions, type Message, Unprocessable, type Verdict } from './inbox.ts'
export type { RedisStreamsClient } from './redis-streams/client.ts'
export { FIELDS } from './redis-streams/entry.ts'
export { deadStream, type RedisStreamsSource } from './redis-streams/options.ts'
export { publisher, type RedisStreamsPublisherOptions } from './redis-streams/publish.ts'

/** Beyond so many messages that wait for their next try, nothing new is read. */
const MOST_HELD = 1_000

/**
 * Handles every message of a stream once, until stopped, as one consumer of a group. Redis 6.2 or later.
 * @throws OnlyonceError OPTION_INVALID
 */
export const consume: Consume<RedisStreamsSource & PullOptions> = <Tx>(
  options: InboxOptions<Tx> & RedisStreamsSource & PullOptions,
): Consumer => {
  const { client, stream, group: groupName, consumer: consumerName, takeOverMs, deleteHandled, ...others } = options
  const { concurrency, prefetch, pollMs, onEvent, ...rest } = others
  const send = sendWith(client)
  const pulling = checkedPullOptions({ concurrency, prefetch, pollMs, onEvent }, rest)
  const handled = inbox(rest as InboxOptions<Tx>)
  const { runtime } = rest.once.options
  const { visibilityMs } = handled
  const given = { stream, group: groupName, consumer: consumerName, takeOverMs, deleteHandled }
  const from = checkedSource(given, rest.name, visibilityMs, () => runtime.token())

  const group = createGroup(scriptsOn(send, runtime), from)
  let ending = false
  const holdings = createHoldings(stream, group, runtime)
  const settle = settler(group, holdings, () => ending)
  const report = (error: unknown) => pulling.onEvent({ type: 'broker-failed', verb: 'receive', error })
  const read = createReader(stream, group, holdings, runtime, { takeOverMs: from.takeOverMs, report })
  const heldBy = new WeakMap<Delivery, HeldEntry>()

  function pulled(held: HeldEntry): Pulled {
    const delivery: Delivery = {
      ...held.delivery,
      redelivered: held.seen,
      async extend() {
        await holdings.keep([held])
        return held.lost ? 'lost' : 'ok'
      },
    }
    heldBy.set(delivery, held)
    return { delivery, settle: (verdict) => settle(held, verdict) }
  }

  const most = pulling.concurrency + pulling.prefetch
  const source: PullSource = {
    async receive(max, gathering) {
      const ready = holdings.take(max, gathering)
      const room = Math.min(max - ready.length, most - holdings.waiting, MOST_HELD - holdings.size)
      if (room <= 0) return ready.map(pulled)
      try {
        await read(room)
      } catch (error) {
        if (ready.length === 0) throw error
        report(error)
      }
      return [...ready, ...holdings.take(max - ready.length, gathering)].map(pulled)
    },
    watch: holdings.watch,
  }
  const consumer = pullConsumer(source, handled, {
    ...pulling,
    runtime,
    visibilityMs,
    onEvent(event) {
      // No verdict is carried out: somebody else has the message, or it could not be told whether.
      if (event.type === 'settled' && event.verdict.kind === 'none') {
        const held = heldBy.get(event.delivery) as HeldEntry
        if (held.lost) holdings.remove(held)
        else holdings.again(held, visibilityMs / 3)
      }
      pulling.onEvent(event)
    },
  })

  let cancelBeat: Cancel = () => {}
  function beat(): void {
    cancelBeat = runtime.after(visibilityMs / 3, () => {
      // Asked again in a while; only Redis says that a message is lost.
      void holdings
        .keep()
        .catch(() => {})
        .then(() => ending || beat())
    })
  }
  beat()

  async function end(): Promise<void> {
    ending = true
    await consumer.stop()
    cancelBeat()
    const left = holdings.end()
    for (const held of left)
      if (held.gone) pulling.onEvent({ type: 'broker-failed', verb: 'settle', error: lastCopy(held) })
    try {
      const now = runtime.elapsed()
      await group.giveBack(left.map(({ entry, dueAt }) => [entry.at, Math.max(0, dueAt - now)] as const))
      await group.leave()
    } catch (error) {
      pulling.onEvent({ type: 'broker-failed', verb: 'settle', error })
    }
  }

  return endedBy(consumer, end)
}
