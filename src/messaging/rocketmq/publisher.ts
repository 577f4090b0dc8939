import { reasonOf } from '../../core/errors.ts'
import { aBoolean, checkEach, invalidOption, refuseUnknown } from '../../core/option-rules.ts'
import type { Publisher, PublishResult } from '../../core/publisher.ts'
import type { OutboxMessage } from '../../core/store.ts'
import { ORDERING_KEY_HEADER } from '../headers.ts'
import type { RocketOutgoing, RocketProducer } from './client.ts'
import { idOf } from './message.ts'
import { failureOf } from './publish-failure.ts'

/** Options of RocketMQ's `publisher`. */
export interface RocketPublisherOptions {
  /** A `Producer` that was started. Yours to shut down. */
  readonly producer: RocketProducer
  /**
   * Default true: a message with an ordering key goes to a FIFO topic, with the key as its message group. `false`: to a
   * NORMAL topic, with the key as a property.
   */
  readonly fifo?: boolean
  /**
   * Default: none. How long the broker keeps a message before it delivers it: 0 or less is at once. Its topic must be a
   * DELAY topic, which takes no message for which this is `undefined`.
   */
  readonly delayMs?: (message: OutboxMessage) => number | undefined
}

/**
 * Publishes each message to the topic it names; `ok` when the broker confirmed it. Messages with the same ordering key
 * are sent one after the other, and none after one that failed, unless for good. The broker does not deduplicate: the
 * id goes with every copy, for the consumer.
 * @throws OnlyonceError OPTION_INVALID
 */
export function publisher(options: RocketPublisherOptions): Publisher {
  refuseUnknown(options, ['producer', 'fifo', 'delayMs'])
  const { producer, fifo = true, delayMs } = Object(options) as typeof options
  if (typeof Object(producer).send !== 'function')
    throw invalidOption('producer', 'is required: a Producer that was started', producer)
  checkEach(aBoolean, { fifo })
  if (delayMs !== undefined && typeof delayMs !== 'function')
    throw invalidOption('delayMs', 'must be a function from message to milliseconds', delayMs)

  async function send(message: OutboxMessage): Promise<PublishResult> {
    let sent: RocketOutgoing
    try {
      sent = outgoing(message, fifo, delayMs?.(message))
    } catch (error) {
      return { ok: false, reason: reasonOf(error) }
    }
    try {
      await producer.send(sent)
      return { ok: true }
    } catch (error) {
      return failureOf(error)
    }
  }

  async function sendInOrder(messages: readonly OutboxMessage[]): Promise<readonly PublishResult[]> {
    const results: PublishResult[] = []
    for (const message of messages) {
      const before = results.at(-1)
      const goesOn = before === undefined || before.ok || before.permanent === true
      results.push(
        goesOn ? await send(message) : { ok: false, reason: 'the message before it with its key was not sent' },
      )
    }
    return results
  }

  return async (batch) => {
    const results = new Map<OutboxMessage, PublishResult>()
    await Promise.all(
      groupsOf(batch).map(async (group) => {
        const answers = await sendInOrder(group)
        for (const [index, message] of group.entries()) results.set(message, answers[index] as PublishResult)
      }),
    )
    return batch.map((message) => results.get(message) as PublishResult)
  }
}

/** Groups the messages that must be sent in order. */
function groupsOf(batch: readonly OutboxMessage[]): readonly (readonly OutboxMessage[])[] {
  const groups = new Map<unknown, OutboxMessage[]>()
  for (const message of batch) {
    const { topic, orderingKey } = message
    const name = orderingKey === undefined ? message : JSON.stringify([topic, orderingKey])
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [message])
    else group.push(message)
  }
  return [...groups.values()]
}

function outgoing(message: OutboxMessage, fifo: boolean, delay: number | undefined): RocketOutgoing {
  const { id, topic, body, headers, orderingKey } = message
  if (delay !== undefined && !Number.isFinite(delay))
    throw new Error(`\`delayMs\` answered ${delay}: it has to be a number of milliseconds, or undefined`)
  const { keys, property } = idOf(id)
  const properties = new Map([...Object.entries(headers), property])
  if (orderingKey !== undefined) properties.set(ORDERING_KEY_HEADER, orderingKey)
  return {
    topic,
    // A copy, because it may be part of a pooled buffer.
    body: Buffer.from(body),
    properties,
    keys,
    ...(fifo && orderingKey !== undefined ? { messageGroup: orderingKey } : {}),
    // The client takes 0 for no delay, and a message without one is not of the type of its topic.
    ...(delay === undefined ? {} : { delay: Math.max(delay, 1) }),
  }
}
