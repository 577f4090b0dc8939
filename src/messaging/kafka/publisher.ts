import { invalidOption, refuseUnknown } from '../../core/options.ts'
import type { Publisher, PublishResult } from '../../core/publisher.ts'
import type { OutboxMessage } from '../../core/store.ts'
import { ID_HEADER, ORDERING_KEY_HEADER } from '../headers.ts'
import type { KafkaMessage, KafkaProducer } from './client.ts'
import { type Failure, failureOf } from './publish-failure.ts'
import { isPermanent } from './refusal.ts'

export interface KafkaPublisherOptions {
  /**
   * A connected producer of yours, or a function that makes one. What the function made is connected by us, replaced
   * after a failed send, and ended by `close`. An idempotent one has to be made by a function.
   */
  readonly producer: KafkaProducer | (() => KafkaProducer)
}

export interface KafkaPublisher extends Publisher, AsyncDisposable {
  /** Waits for the call that is under way and ends the producer that we made. */
  close(): Promise<void>
}

/**
 * Publishes with `acks: -1` under the topic of each message. One that Kafka refuses fails alone. One call at a time, so
 * give it a producer that nobody else uses.
 *
 * An idempotent producer of kafkajs gives the sequence numbers of a batch whose answer was lost to the next one. Kafka
 * takes that for a copy and answers as if it were stored, so such a producer must not be used after a failure.
 * @throws OnlyonceError OPTION_INVALID
 */
export function publisher(options: KafkaPublisherOptions): KafkaPublisher {
  refuseUnknown(options, ['producer'])
  const { producer: given } = options
  checkProducer(given)
  let made: KafkaProducer | undefined
  let last: Promise<unknown> = Promise.resolve()

  async function current(): Promise<KafkaProducer> {
    if (typeof given !== 'function') return given
    if (made !== undefined) return made
    const fresh = given()
    await fresh.connect()
    made = fresh
    return fresh
  }

  async function renew(): Promise<void> {
    const failed = made
    made = undefined
    await failed?.disconnect().catch(() => {})
  }

  /** `undefined`: all are stored. */
  async function attempt(messages: readonly OutboxMessage[]): Promise<Failure | undefined> {
    const topic = messages[0]?.topic ?? ''
    let wasSent = false
    try {
      const records = messages.map(recordOf)
      const producer = await current()
      wasSent = true
      await producer.send({ topic, acks: -1, messages: records })
      return undefined
    } catch (error) {
      return { error, wasSent }
    }
  }

  /** Looks for the messages that Kafka will never take, among those it refused together. */
  async function divide(
    messages: readonly OutboxMessage[],
    failure: Failure,
    answer: (message: OutboxMessage, result: PublishResult) => void,
  ): Promise<void> {
    if (messages.length === 1 || !isPermanent(failure.error)) {
      const result = failureOf(failure)
      for (const message of messages) answer(message, result)
      return
    }
    const middle = Math.ceil(messages.length / 2)
    for (const half of [messages.slice(0, middle), messages.slice(middle)]) {
      const failed = await attempt(half)
      if (failed === undefined) continue
      await renew()
      await divide(half, failed, answer)
    }
  }

  async function publish(batch: readonly OutboxMessage[]): Promise<readonly PublishResult[]> {
    const results = new Map<OutboxMessage, PublishResult>()
    const names = new Set(batch.map(({ topic }) => topic))
    const topics = [...names].map((name) => batch.filter(({ topic }) => topic === name))
    const failures = await Promise.all(topics.map(attempt))
    if (failures.some((failure) => failure !== undefined)) await renew()
    for (const [i, failure] of failures.entries()) {
      if (failure === undefined) continue
      await divide(topics[i] ?? [], failure, (message, result) => results.set(message, result))
    }
    return batch.map((message) => results.get(message) ?? { ok: true })
  }

  const inTurn: Publisher = (batch) => {
    const turn = last.then(() => publish(batch))
    last = turn.catch(() => {})
    return turn
  }
  const close = () => last.then(renew)
  return Object.assign(inTurn, { close, [Symbol.asyncDispose]: close })
}

/**
 * With a key the same message goes to the same partition however often the client tries; without one the client would
 * choose anew each time, and neither the order nor the numbers of an idempotent producer would hold.
 */
export function recordOf({ id, body, headers, orderingKey }: OutboxMessage): KafkaMessage {
  const ordered = orderingKey === undefined ? {} : { [ORDERING_KEY_HEADER]: orderingKey }
  return { key: orderingKey ?? id, value: Buffer.from(body), headers: { ...headers, ...ordered, [ID_HEADER]: id } }
}

function checkProducer(producer: unknown): void {
  if (typeof producer === 'function') return
  if (typeof Object(producer).send !== 'function')
    throw invalidOption('producer', 'is required: a producer of kafkajs, or a function that makes one', producer)
  if (typeof Object(producer).isIdempotent === 'function' && Object(producer).isIdempotent())
    throw invalidOption('producer', 'is idempotent: give a function that makes it, so that it can be replaced', 'it')
}
