import type { Runtime } from '../../core/runtime.ts'
import type { KafkaAdmin, KafkaBatch, KafkaCommitted, KafkaConsumer } from './client.ts'
import { createCommits } from './commits.ts'
import type { Session } from './link.ts'
import { orderingKeyOf } from './message.ts'
import {
  goneError,
  type HeldRecord,
  newPartition,
  type Partition,
  type Progress,
  placeOf,
  progressFrom,
} from './partition.ts'

export interface AssignmentOptions {
  readonly groupId: string
  /** When more messages of a partition than this are held, it is not fetched until at most half of `limit` are held. */
  readonly limit: number
  readonly order: 'key' | 'partition'
  readonly runtime: Runtime
  readonly onRecord: (held: HeldRecord) => void
  /** Some deliveries are no longer ours. */
  readonly onLost: () => void
  readonly onFailure: (error: unknown) => void
}

export interface Assignment extends Session {
  /** A message of this partition was settled. */
  settled(partition: Partition): void
}

/** Payload of the event that the client emits when it has processed a batch. */
interface Processed {
  readonly topic: string
  readonly partition: number
  readonly batchSize: number
  readonly firstOffset: string | null
  readonly lastOffset: string
  readonly highWatermark: string
}

/** Returns the next offset to consume, as far as it is known. */
function nextOf({ progress }: Partition, committed: KafkaCommitted | undefined): bigint | undefined {
  const found = BigInt(committed?.offset ?? -1)
  return progress?.watermark.next ?? (found < 0n ? undefined : found)
}

/** The partitions assigned to this process, and the messages it holds of them. */
export function createAssignment(
  consumer: Pick<KafkaConsumer, 'seek' | 'pause' | 'resume' | 'on'>,
  admin: Pick<KafkaAdmin, 'fetchOffsets'>,
  { groupId, limit, order, runtime, onRecord, onLost, onFailure }: AssignmentOptions,
): Assignment {
  const partitions = new Map<string, Partition>()
  const commits = createCommits(runtime, () => partitions.values(), onFailure)
  let known: Promise<ReadonlyMap<string, KafkaCommitted>> = Promise.resolve(new Map())

  async function askCommitted(topics: string[]): Promise<ReadonlyMap<string, KafkaCommitted>> {
    const found = new Map<string, KafkaCommitted>()
    for (const { topic, partitions: of } of await admin.fetchOffsets({ groupId, topics })) {
      for (const one of of) found.set(placeOf({ topic, partition: one.partition }), one)
    }
    return found
  }

  function lose(one: Partition): void {
    if (one.isPaused) resume(one)
    one.isOurs = false
  }

  function pause(one: Partition): void {
    one.isPaused = true
    consumer.pause([{ topic: one.topic, partitions: [one.partition] }])
  }

  function resume(one: Partition): void {
    one.isPaused = false
    try {
      consumer.resume([{ topic: one.topic, partitions: [one.partition] }])
    } catch {
      // The client has ended, and with it the pause.
    }
  }

  /** Returns whether Kafka was already asked for offset `next` and does not have it. If not asked yet, seeks to it. */
  function isGone(one: Partition, next: bigint, from: bigint): boolean {
    if (one.sought !== next) {
      // Fetched before a rebalance and delivered after it: going on from there would skip what lies between for ever.
      one.sought = next
      consumer.seek({ topic: one.topic, partition: one.partition, offset: String(next) })
      return false
    }
    onFailure(goneError(one, next, from))
    return true
  }

  /** The topic was recreated: the messages we hold are of a log that no longer exists. */
  function renewed(one: Partition, from: bigint, batch: KafkaBatch): readonly [Partition, Progress] {
    lose(one)
    onLost()
    const fresh = newPartition(one.topic, one.partition)
    fresh.progress = progressFrom(from, BigInt(batch.highWatermark), undefined)
    partitions.set(placeOf(one), fresh)
    return [fresh, fresh.progress]
  }

  function skip(progress: Progress, to: bigint): void {
    progress.watermark.pass(to)
    // After a seek to a missing offset, the client may have committed that the group starts anew.
    progress.committed = undefined
    commits.soon()
  }

  async function begun(batch: KafkaBatch): Promise<readonly [Partition, Progress] | undefined> {
    const one = partitions.get(placeOf(batch))
    if (one === undefined) return undefined
    const committed = (await known).get(placeOf(one))
    if (!one.isOurs) return undefined
    const next = nextOf(one, committed)
    const from = batch.fetchedOffset === undefined ? next : BigInt(batch.fetchedOffset)
    const start = next ?? from ?? BigInt(batch.firstOffset() ?? batch.lastOffset())
    if (from === undefined || from === start) {
      one.progress ??= progressFrom(start, BigInt(batch.highWatermark), committed)
      return [one, one.progress]
    }
    if (!isGone(one, start, from)) return undefined
    if (from < start) return renewed(one, from, batch)
    one.progress ??= progressFrom(start, BigInt(batch.highWatermark), committed)
    // Held messages are still handled and not committed past: only messages behind them are missing.
    skip(one.progress, from)
    return [one, one.progress]
  }

  /** The client does not deliver a batch that has only aborted records and transaction markers. */
  async function passEmpty({ batchSize, firstOffset, lastOffset, highWatermark, ...place }: Processed): Promise<void> {
    const one = partitions.get(placeOf(place))
    if (batchSize !== 0 || one === undefined) return
    const committed = (await known).get(placeOf(one))
    const next = nextOf(one, committed)
    if (!one.isOurs || next === undefined || BigInt(firstOffset ?? lastOffset) > next) return
    one.progress ??= progressFrom(next, BigInt(highWatermark), committed)
    one.progress.watermark.pass(BigInt(lastOffset) + 1n)
    commits.soon()
  }
  consumer.on('consumer.end_batch_process', ({ payload }) => {
    // An error here occurs with the next batch too.
    passEmpty(payload as Processed).catch(() => {})
  })

  function hold(one: Partition, progress: Progress, batch: KafkaBatch): void {
    const whole = order === 'partition' ? placeOf(one) : undefined
    for (const record of batch.messages) {
      const offset = BigInt(record.offset)
      if (offset < progress.watermark.next || progress.parked.has(offset)) continue
      progress.watermark.take(offset)
      const key = whole === undefined ? orderingKeyOf(record) : ''
      // A key in two partitions is two ordering keys: Kafka keeps no order between partitions.
      const orderingKey = key === undefined ? undefined : `${placeOf(one)}/${key}`
      onRecord({ partition: one, progress, offset, record, orderingKey, isOurs: () => one.isOurs, seen: false })
    }
    progress.watermark.pass(BigInt(batch.lastOffset()) + 1n)
  }

  return {
    begin(assigned) {
      this.end()
      partitions.clear()
      for (const [topic, numbers] of Object.entries(assigned)) {
        for (const number of numbers) {
          const one = newPartition(topic, number)
          partitions.set(placeOf(one), one)
        }
      }
      known = askCommitted(Object.keys(assigned))
      // Awaited with the first batch, which then fails.
      known.catch(() => {})
    },
    farewell: commits.farewell,
    finish: commits.finish,
    end() {
      for (const one of partitions.values()) if (one.isOurs) lose(one)
      onLost()
    },
    async take({ batch, resolveOffset, commitOffsetsIfNecessary }) {
      commits.use(commitOffsetsIfNecessary)
      const found = await begun(batch)
      if (found === undefined) return
      const [one, progress] = found
      await commits.allow(one, progress, BigInt(batch.lastOffset()) + 1n)
      const last = batch.messages.at(-1)
      if (!one.isOurs || last === undefined) return
      hold(one, progress, batch)
      resolveOffset(last.offset)
      if (progress.watermark.held > limit) pause(one)
    },
    settled(one) {
      if (one.isPaused && one.isOurs && (one.progress?.watermark.held ?? 0) <= limit / 2) resume(one)
      commits.soon()
    },
  }
}
