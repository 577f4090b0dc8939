import { fullJitterMs } from '../../core/backoff.ts'
import { reasonOf } from '../../core/errors.ts'
import { tell } from '../../core/reporting.ts'
import { sleep } from '../../core/runtime.ts'
import { labelsOf } from '../headers.ts'
import { type Message, messageOf, Unprocessable } from '../message.ts'
import type { KafkaAdmin, KafkaBatch, KafkaBatchPayload, KafkaConsumer, KafkaMessage, KafkaRecord } from './client.ts'
import { isRebalance } from './commits.ts'
import { deadTopic } from './dead-letters.ts'
import { keepConsuming, type Session } from './link.ts'
import { deadCopy, deliveryOf } from './message.ts'
import { recordsOf } from './outputs.ts'
import { goneError, placeOf } from './partition.ts'
import { isTooLong } from './refusal.ts'
import { openTransacted, type Transacted } from './transacted.ts'
import {
  type ResolvedTransform,
  resolveTransform,
  type TransformEvent,
  type TransformOptions,
} from './transform-options.ts'

/** A running `transform`. It never ends by itself. */
export interface Transform extends AsyncDisposable {
  /** Finishes the running transactions, for at most 10 seconds, and leaves the group. */
  stop(): Promise<void>
}

const HEARTBEAT_MS = 1_000
const REFUSED_PAUSE_MS = 500

/** One assignment of a partition to this process. */
interface Place {
  isOurs: boolean
  transacted: Transacted | undefined
  /** The offset at which the next batch should begin; `undefined`: that was compared before. */
  next: bigint | 'committed' | undefined
}

/**
 * Consumes, and produces what the handler returns: outputs and offsets in one Kafka transaction, so that a reader with
 * `read_committed` sees the outputs of each input exactly once. Effects outside Kafka are not part of it.
 * @throws OnlyonceError OPTION_INVALID
 */
export function transform(options: TransformOptions): Transform {
  const resolved = resolveTransform(options)
  const { source, runtime, onEvent, numbers } = resolved
  const stopping = new AbortController()
  // A listener that throws must not change what is committed.
  const emit = (event: TransformEvent) => tell(onEvent, event, () => {})
  const link = keepConsuming(source, runtime, {
    concurrency: numbers.concurrency,
    open: (consumer, admin) => createSession(consumer, admin, resolved, emit, stopping.signal),
    onRetention: () => {},
    onFailure: (error) => emit({ type: 'broker-failed', error }),
  })
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopping.abort()
    link.cancel()
    stopped ??= link.close()
    return stopped
  }
  return { stop, [Symbol.asyncDispose]: stop }
}

function createSession(
  consumer: KafkaConsumer,
  admin: KafkaAdmin,
  { source, transactionalId, handle, numbers, runtime }: ResolvedTransform,
  emit: (event: TransformEvent) => void,
  stopping: AbortSignal,
): Session {
  const { kafka, groupId } = source
  let places = new Map<string, Place>()
  const underWay = new Set<Promise<void>>()
  const onOpening = askCommitted(source.topics)
  onOpening.catch(() => {})
  let onAssignment = onOpening

  function drop(place: Place): void {
    void place.transacted?.close()
    place.transacted = undefined
  }

  /** Waits for `work` and sends heartbeats to the group meanwhile. Rejects when the group rebalances. */
  async function beating<T>(work: Promise<T>, { heartbeat }: KafkaBatchPayload): Promise<T> {
    const over = new AbortController()
    const ended = work.finally(() => over.abort('over'))
    ended.catch(() => {})
    while (!over.signal.aborted) {
      await sleep(runtime, HEARTBEAT_MS, over.signal)
      if (!over.signal.aborted) await heartbeat()
    }
    return ended
  }

  /**
   * Returns the outputs of a message, or the copy that is put aside.
   * @throws what the handler threw, once nothing of it can be committed here any more
   */
  async function handled(
    place: Place,
    batch: KafkaBatch,
    record: KafkaRecord,
    parked: TransformEvent[],
  ): Promise<readonly (readonly [string, KafkaMessage])[]> {
    const message: Message = messageOf(deliveryOf(batch, record, true))
    for (let starts = 1; ; starts++) {
      try {
        return recordsOf(batch, record.offset, await handle(message))
      } catch (error) {
        if (stopping.aborted || !place.isOurs) throw error
        if (starts < numbers.maxAttempts && !Unprocessable.is(error)) {
          await sleep(runtime, fullJitterMs(runtime, numbers, starts), stopping)
          continue
        }
        const reason = reasonOf(error) || 'the handler threw an error without a message'
        parked.push({ type: 'parked', message, reason })
        const labels = labelsOf(groupId, `${placeOf(batch)}/${record.offset}`, reason)
        return [[deadTopic(batch.topic), deadCopy(record, labels)]]
      }
    }
  }

  async function transact(place: Place, payload: KafkaBatchPayload, records: readonly KafkaRecord[], next: string) {
    const { batch } = payload
    const { topic, partition } = batch
    const outputs = new Map<string, KafkaMessage[]>()
    /** Told when it is true: what is aborted is handled again. */
    const parked: TransformEvent[] = []
    for (const record of records) {
      for (const [to, one] of await beating(handled(place, batch, record, parked), payload)) {
        outputs.set(to, [...(outputs.get(to) ?? []), one])
      }
    }
    if (!place.isOurs || place.transacted === undefined) return false
    await beating(place.transacted.commit({ topic, partition, next, outputs }), payload)
    for (const event of parked) emit(event)
    emit({ type: 'committed', topic, partition, inputs: records.length })
    return true
  }

  /** Whether the batch begins at the next offset: the previous owner may have committed after it was fetched. */
  async function isNext(place: Place, { batch }: KafkaBatchPayload): Promise<boolean> {
    if (place.transacted !== undefined) return true
    const opened = await openTransacted(kafka, admin, groupId, transactionalId, batch, runtime)
    if (!place.isOurs) {
      await opened.close()
      return false
    }
    place.transacted = opened
    const { position } = opened
    if (position === undefined || String(position) === (batch.fetchedOffset ?? String(position))) return true
    const first = batch.firstOffset()
    if (first !== null && BigInt(first) >= position && BigInt(batch.fetchedOffset ?? 0) <= position) return true
    consumer.seek({ topic: batch.topic, partition: batch.partition, offset: String(position) })
    return false
  }

  /**
   * The client goes on elsewhere when Kafka does not have the next offset, and does not say so. It also commits that the
   * group starts anew then, so what was committed is asked before it may ask for messages.
   */
  async function tellIfGone(place: Place, batch: KafkaBatch): Promise<void> {
    try {
      await compare(place, batch)
    } catch {
      // Nobody is told then; what is consumed does not depend on it.
    }
  }

  async function compare(place: Place, batch: KafkaBatch): Promise<void> {
    const { topic, partition, fetchedOffset, highWatermark } = batch
    const expected = place.next
    place.next = undefined
    const next = expected === 'committed' ? await committedAt(batch) : expected
    const from = fetchedOffset === undefined ? next : BigInt(fetchedOffset)
    if (next === undefined || from === undefined || from === next) return
    const isAnotherLog = BigInt(highWatermark) < next
    // Between the two there may be aborted records and transaction markers only.
    if (isAnotherLog || (await beginningOf(topic, partition)) > next)
      emit({ type: 'broker-failed', error: goneError(batch, next, from) })
  }

  /** The admin of kafkajs was seen to throw here while other requests of its own were under way. */
  async function beginningOf(topic: string, partition: number): Promise<bigint> {
    for (let triesLeft = 3; ; triesLeft--) {
      try {
        const offsets = await admin.fetchTopicOffsets(topic)
        return BigInt(offsets.find((one) => one.partition === partition)?.low ?? 0)
      } catch (error) {
        if (triesLeft === 0) throw error
      }
    }
  }

  async function askCommitted(topics: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
    const found = new Map<string, bigint>()
    for (const { topic, partitions } of await admin.fetchOffsets({ groupId, topics: [...topics] })) {
      for (const { partition, offset } of partitions)
        if (BigInt(offset) >= 0n) found.set(placeOf({ topic, partition }), BigInt(offset))
    }
    return found
  }

  async function committedAt(batch: KafkaBatch): Promise<bigint | undefined> {
    const answers = await Promise.allSettled([onAssignment, onOpening])
    for (const answer of answers) {
      const offset = answer.status === 'fulfilled' ? answer.value.get(placeOf(batch)) : undefined
      if (offset !== undefined) return offset
    }
    return undefined
  }

  async function work(place: Place, payload: KafkaBatchPayload): Promise<void> {
    const { batch, resolveOffset, heartbeat } = payload
    let size = numbers.batchSize
    for (let from = 0; from < batch.messages.length; ) {
      if (!place.isOurs || stopping.aborted) return
      const records = batch.messages.slice(from, from + size)
      const last = records.at(-1) as KafkaRecord
      const isEnd = from + records.length === batch.messages.length
      const next = BigInt(isEnd ? batch.lastOffset() : last.offset) + 1n
      try {
        if (!(await beating(isNext(place, payload), payload))) return
        if (from === 0) await beating(tellIfGone(place, batch), payload)
        if (!(await transact(place, payload, records, String(next)))) return
      } catch (error) {
        // After a refusal kafkajs and Kafka may count differently, and Kafka would take what follows for a copy.
        drop(place)
        if (stopping.aborted) return
        if (!isRebalance(error)) emit({ type: 'aborted', topic: batch.topic, partition: batch.partition, error })
        // The outputs of a transaction for one partition form one batch: those of fewer inputs may fit.
        if (!isTooLong(error) || records.length === 1) throw error
        size = Math.ceil(records.length / 2)
        continue
      }
      from += records.length
      place.next = next
      resolveOffset(last.offset)
      await heartbeat()
    }
  }

  async function attend(place: Place, payload: KafkaBatchPayload): Promise<void> {
    try {
      await work(place, payload)
    } catch (error) {
      if (stopping.aborted) return
      // No pause in a rebalance: the group waits for this member.
      if (!isRebalance(error)) await sleep(runtime, REFUSED_PAUSE_MS, stopping)
      throw error
    }
  }

  return {
    begin(assigned) {
      this.end()
      places = new Map()
      for (const [topic, numbers] of Object.entries(assigned)) {
        for (const partition of numbers)
          places.set(placeOf({ topic, partition }), { isOurs: true, transacted: undefined, next: 'committed' })
      }
      onAssignment = askCommitted(Object.keys(assigned))
      onAssignment.catch(() => {})
    },
    end() {
      for (const place of places.values()) {
        place.isOurs = false
        drop(place)
      }
    },
    farewell() {},
    async take(payload) {
      const place = places.get(placeOf(payload.batch))
      if (!place?.isOurs) return
      const attended = attend(place, payload)
      underWay.add(attended)
      await attended.finally(() => underWay.delete(attended))
    },
    async finish() {
      await Promise.allSettled(underWay)
    },
  }
}
