import type { Runtime } from '../../core/runtime.ts'
import type { KafkaAdmin, KafkaBatch, KafkaCommitted, KafkaConsumer } from './client.ts'
import { createCommits } from './commits.ts'
import type { Session } from './link.ts'
import { orderingKeyOf } from './message.ts'
import { type HeldRecord, newPartition, type Partition, type Progress, placeOf, progressFrom } from './partition.ts'

export interface AssignmentOptions {
  readonly groupId: string
  /** When more messages of a partition are held, no more of it are fetched until half of them is settled. */
  readonly limit: number
  readonly order: 'key' | 'partition'
  readonly runtime: Runtime
  readonly onRecord: (held: HeldRecord) => void
  /** Deliveries are not ours any more. */
  readonly onLost: () => void
  readonly onFailure: (error: unknown) => void
}

export interface Assignment extends Session {
  /** A message of this partition was settled. */
  settled(partition: Partition): void
}

/** The partitions that the group leaves to this process, and what it holds of them. */
export function createAssignment(
  consumer: Pick<KafkaConsumer, 'seek' | 'pause' | 'resume'>,
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

  /** What comes next, as far as it is known. */
  async function expected(
    one: Partition,
  ): Promise<{ next: bigint | undefined; committed: KafkaCommitted | undefined }> {
    const committed = one.progress === undefined ? (await known).get(placeOf(one)) : undefined
    const found = committed === undefined ? -1n : BigInt(committed.offset)
    return { next: one.progress?.watermark.next ?? (found < 0n ? undefined : found), committed }
  }

  /**
   * Whether the batch begins where the one before ended. One that was fetched before a rebalance may be handed over
   * after it: to go on from there would skip what lies between for ever.
   */
  function fits(one: Partition, batch: KafkaBatch, next: bigint | undefined): boolean {
    if (next === undefined || batch.fetchedOffset === undefined || BigInt(batch.fetchedOffset) === next) return true
    if (one.sought !== next) {
      one.sought = next
      consumer.seek({ topic: one.topic, partition: one.partition, offset: String(next) })
      return false
    }
    // Asked for it, and Kafka does not have it: deleted before it was handled, or the topic was made anew.
    const gone = `${placeOf(one)}: messages from offset ${next} are gone, consuming from ${batch.fetchedOffset}`
    onFailure(new Error(`${gone}; compare the retention of the topic with the lag of the group`))
    lose(one)
    onLost()
    return false
  }

  async function begun(batch: KafkaBatch): Promise<readonly [Partition, Progress] | undefined> {
    const place = placeOf(batch)
    const one = partitions.get(place)
    if (one === undefined) return undefined
    const { next, committed } = await expected(one)
    if (!one.isOurs) return undefined
    if (fits(one, batch, next)) {
      const start = next ?? BigInt(batch.fetchedOffset ?? batch.firstOffset() ?? batch.lastOffset())
      one.progress ??= progressFrom(start, BigInt(batch.highWatermark), committed)
      return [one, one.progress]
    }
    if (one.isOurs) return undefined
    const renewed = newPartition(batch.topic, batch.partition)
    partitions.set(place, renewed)
    renewed.progress = progressFrom(BigInt(batch.fetchedOffset ?? 0), BigInt(batch.highWatermark), undefined)
    return [renewed, renewed.progress]
  }

  function hold(one: Partition, progress: Progress, batch: KafkaBatch): void {
    const whole = order === 'partition' ? placeOf(one) : undefined
    for (const record of batch.messages) {
      const offset = BigInt(record.offset)
      if (offset < progress.watermark.next) continue
      progress.watermark.take(offset)
      const key = whole === undefined ? orderingKeyOf(record) : ''
      // Of two partitions with the same key neither waits for the other: Kafka orders nothing between them.
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
      // Asked for with the first batch, which fails with it.
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
