import { oneAtATime } from '../../core/one-at-a-time.ts'
import { invalidOption, refuseUnknown } from '../../core/option-rules.ts'
import type { Publisher, PublishResult } from '../../core/publisher.ts'
import type { OutboxMessage } from '../../core/store.ts'
import { type Call, callsByKey, partsOf, roundsOf, topicOf } from './calls.ts'
import type { KafkaClient, KafkaProducer } from './client.ts'
import { isConfirmed, leftOut } from './confirmed.ts'
import { checkClient } from './options.ts'
import { createPartitionCounts } from './partition-counts.ts'
import { type Failure, failureOf } from './publish-failure.ts'
import { isPermanent } from './refusal.ts'

/** Options of Kafka's `publisher`. */
export interface KafkaPublisherOptions {
  /**
   * A connected producer of yours, or a function that creates one. What the function creates is connected here,
   * replaced after a failed send, and disconnected by `close`. An idempotent one has to come from a function.
   */
  readonly producer: KafkaProducer | (() => KafkaProducer)
  /**
   * With it all messages of a topic go in one call: its admin tells the number of partitions, and the partition is
   * chosen here by the key. Default: one call per record key.
   */
  readonly kafka?: KafkaClient
}

/** A publisher for the relay or `publishOnce`. Close it when they have ended. */
export interface KafkaPublisher extends Publisher, AsyncDisposable {
  /** Waits for the current call and disconnects the producer and the admin created here. */
  close(): Promise<void>
}

/** The messages of a call that are not known to be stored, and why. */
interface Failed extends Failure {
  readonly call: Call
}

type Answer = (message: OutboxMessage, result: PublishResult) => void

/**
 * Publishes with `acks: -1` to the topic of each message. A message that Kafka refuses fails alone. Batches are sent
 * one at a time, so give it a producer that nobody else uses.
 *
 * A call with records of two partitions may lose some of them: if one moved to a broker that had already answered for
 * another, kafkajs does not send it again, but resolves. So each call has one record key or, where the partition of
 * each record is known, the answer is checked against them.
 *
 * An idempotent kafkajs producer reuses the sequence numbers of a batch whose answer was lost for the next batch. Kafka
 * takes that for a copy and answers as if it were stored, so such a producer is not used after a failure, and gets one
 * call after the other.
 * @throws OnlyonceError OPTION_INVALID
 */
export function publisher(options: KafkaPublisherOptions): KafkaPublisher {
  refuseUnknown(options, ['producer', 'kafka'])
  const { producer: given, kafka } = Object(options) as typeof options
  checkProducer(given)
  if (kafka !== undefined) checkClient(kafka)
  const counts = kafka === undefined ? undefined : createPartitionCounts(kafka)
  let made: KafkaProducer | undefined
  const inTurn = oneAtATime()

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

  /** Returns `undefined` when all are stored. */
  async function attempt(call: Call): Promise<Failed | undefined> {
    const topic = topicOf(call)
    let wasSent = false
    try {
      const producer = await current()
      wasSent = true
      const stored = await producer.send({ topic, acks: -1, messages: call.map(({ record }) => record) })
      const unconfirmed = call.filter(({ record: { partition } }) => {
        return partition !== undefined && !isConfirmed(stored, partition)
      })
      const partition = unconfirmed[0]?.record.partition
      if (partition === undefined) return undefined
      // It may be stored: a first attempt may have succeeded, and its answer been lost, before the partition moved.
      return { call: unconfirmed, error: leftOut(topic, partition), wasSent }
    } catch (error) {
      return { call, error, wasSent }
    }
  }

  /** Isolates the messages that Kafka will never accept, among those it refused together. */
  async function divide({ call, ...failure }: Failed, answer: Answer): Promise<void> {
    if (call.length === 1 || !isPermanent(failure.error)) {
      for (const { message } of call) answer(message, failureOf(failure))
      return
    }
    for (const part of partsOf(call)) {
      const failed = await attempt(part)
      if (failed === undefined) continue
      await renew()
      await divide(failed, answer)
    }
  }

  /** Returns rounds of calls. The calls of one round may run concurrently. */
  async function planned(batch: readonly OutboxMessage[], answer: Answer): Promise<readonly (readonly Call[])[]> {
    if (counts === undefined) return [callsByKey(batch)]
    const known = new Map<string, number>()
    const ask = async (topic: string) => {
      try {
        known.set(topic, await counts.of(topic))
      } catch (error) {
        const result = failureOf({ error, wasSent: false })
        for (const message of batch) if (message.topic === topic) answer(message, result)
      }
    }
    await Promise.all([...new Set(batch.map(({ topic }) => topic))].map(ask))
    return roundsOf(
      batch.filter(({ topic }) => known.has(topic)),
      known,
    )
  }

  async function publish(batch: readonly OutboxMessage[]): Promise<readonly PublishResult[]> {
    const results = new Map<OutboxMessage, PublishResult>()
    const answer: Answer = (message, result) => results.set(message, result)
    let inTurns: boolean
    try {
      inTurns = isIdempotent(await current())
    } catch (error) {
      return batch.map(() => failureOf({ error, wasSent: false }))
    }
    const rounds = await planned(batch, answer)
    const waves = inTurns ? rounds.flat().map((call) => [call]) : rounds
    /** Failed topics. Nothing more is sent to them: each call would take as long to fail as the first. */
    const broken = new Map<string, Failure>()
    for (const wave of waves) {
      const failures = await Promise.all(
        wave.map(async (call) => {
          const before = broken.get(topicOf(call))
          return before === undefined ? attempt(call) : { ...before, call }
        }),
      )
      if (failures.some((failed) => failed?.wasSent)) await renew()
      for (const failed of failures) {
        if (failed === undefined) continue
        await divide(failed, answer)
        const { call, error } = failed
        if (isPermanent(error)) continue
        broken.set(topicOf(call), { error, wasSent: false })
        counts?.forget(topicOf(call))
      }
    }
    return batch.map((message) => results.get(message) ?? { ok: true })
  }

  const close = () =>
    inTurn(async () => {
      await renew()
      await counts?.close()
    })
  const queued: Publisher = (batch) => inTurn(() => publish(batch))
  return Object.assign(queued, { close, [Symbol.asyncDispose]: close })
}

function isIdempotent(producer: unknown): boolean {
  const { isIdempotent } = Object(producer)
  return typeof isIdempotent === 'function' && isIdempotent() === true
}

function checkProducer(producer: unknown): void {
  if (typeof producer === 'function') return
  if (typeof Object(producer).send !== 'function')
    throw invalidOption('producer', 'is required: a producer of kafkajs, or a function that makes one', producer)
  if (isIdempotent(producer))
    throw invalidOption('producer', 'is idempotent: give a function that makes it, so that it can be replaced', 'it')
}
