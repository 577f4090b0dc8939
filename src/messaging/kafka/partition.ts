import type { Held } from '../backlog.ts'
import type { Delivery } from '../delivery.ts'
import type { KafkaCommitted, KafkaRecord } from './client.ts'
import { createWatermark, type Watermark } from './watermark.ts'

/**
 * One partition for as long as the group leaves it to this process. After a rebalance it is another one, even when the
 * same partition comes back: what was taken before is delivered again, from the committed offset.
 */
export interface Partition {
  readonly topic: string
  readonly partition: number
  /** False for good as soon as the group is rebalanced, or this process leaves it. */
  isOurs: boolean
  /** Fetching is suspended: enough is held. */
  isPaused: boolean
  /** From the first batch on. */
  progress: Progress | undefined
  /** Where we asked the client to go back to, when it handed over something else than what comes next. */
  sought: bigint | undefined
}

export interface Progress {
  readonly watermark: Watermark
  /** Messages before it were given to somebody before, or almost. */
  readonly floor: bigint
  /** Messages before it may have been: nothing was on record when the group came to this partition. */
  readonly maybe: bigint
  /** As it was committed: nobody of this group was given a message at or behind it. */
  mark: bigint
  /** The position as it was committed. */
  committed: bigint | undefined
}

export interface HeldRecord extends Held {
  readonly partition: Partition
  readonly progress: Progress
  readonly offset: bigint
  readonly record: KafkaRecord
}

const MARK = /^onlyonce given=(\d{1,19})(?: maybe=(\d{1,19}))?$/

/**
 * Kafka does not tell whether it handed over a message before. So the group commits, beside its position, up to where it
 * may hand over messages, before it does; what lies behind the mark of those before us was given to nobody. It spares
 * the inbox a look into the store for every message, and in atomic mode the counter of starts: about half the work.
 */
export function markText(mark: bigint, maybe: bigint): string {
  return maybe > mark ? `onlyonce given=${mark} maybe=${maybe}` : `onlyonce given=${mark}`
}

/**
 * `committed`: what was found on joining. Without a mark of ours in it, everything that is in the log may be known: a new
 * group looks like one whose offsets have expired or were deleted.
 */
export function progressFrom(start: bigint, highWatermark: bigint, committed: KafkaCommitted | undefined): Progress {
  const found = BigInt(committed?.offset ?? -1)
  const [, mark, maybe = 0] = MARK.exec(committed?.metadata ?? '') ?? []
  return {
    watermark: createWatermark(start),
    floor: mark === undefined ? start : BigInt(mark),
    maybe: mark === undefined ? highWatermark : BigInt(maybe),
    mark: mark === undefined ? start : BigInt(mark),
    committed: found < 0n ? undefined : found,
  }
}

export function redelivered({ seen, offset, progress }: HeldRecord): Delivery['redelivered'] {
  return seen || offset < progress.floor || (offset < progress.maybe && 'maybe')
}

export function newPartition(topic: string, partition: number): Partition {
  return { topic, partition, isOurs: true, isPaused: false, progress: undefined, sought: undefined }
}

/** Topics have no slash. */
export const placeOf = ({ topic, partition }: Pick<Partition, 'topic' | 'partition'>): string => `${topic}/${partition}`
