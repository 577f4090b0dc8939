import type { Held } from '../backlog.ts'
import type { Delivery } from '../delivery.ts'
import type { KafkaCommitted, KafkaRecord } from './client.ts'
import { parkedFrom, parkedText } from './parked.ts'
import { createWatermark, type Watermark } from './watermark.ts'

/**
 * One assignment of a partition to this process. A rebalance makes a new one, even if the same partition comes back:
 * messages taken before are delivered again, from the committed offset.
 */
export interface Partition {
  readonly topic: string
  readonly partition: number
  /** False for good as soon as the group is rebalanced, or this process leaves it. */
  isOurs: boolean
  /** Fetching is suspended because enough messages are held. */
  isPaused: boolean
  /** Set by the first batch. */
  progress: Progress | undefined
  /** Offset that the client was told to seek to, because its batch did not begin at the next offset. */
  sought: bigint | undefined
}

export interface Progress {
  readonly watermark: Watermark
  /** Messages before it count as delivered before: the mark that was found on joining. */
  readonly floor: bigint
  /** Messages before it may have been delivered before: no mark was committed when the group came to this partition. */
  readonly maybe: bigint
  /** The committed mark: no member of this group received a message at or behind it. */
  mark: bigint
  /** The committed position. */
  committed: bigint | undefined
  /** Offsets put aside, and perhaps not committed past: the next owner of the partition skips them. */
  readonly parked: Set<bigint>
  /** Those of them that are committed, as metadata. */
  parkedOnRecord: string
}

export interface HeldRecord extends Held {
  readonly partition: Partition
  readonly progress: Progress
  readonly offset: bigint
  readonly record: KafkaRecord
}

const MARK = /^onlyonce given=(\d{1,19})(?: maybe=(\d{1,19}))?(?: parked=(\d{1,19}\+\d+(?:,\d+)*))?$/

/**
 * Kafka does not tell whether it delivered a message before. So the group commits with its position, before it takes
 * messages, a mark up to which it may take them: behind the mark of our predecessors nothing was delivered. That saves
 * the inbox a store lookup per message and, in atomic mode, the counter of starts: about half the work.
 */
export function markText(mark: bigint, maybe: bigint, parked = ''): string {
  const text = maybe > mark ? `onlyonce given=${mark} maybe=${maybe}` : `onlyonce given=${mark}`
  return parked === '' ? text : `${text} parked=${parked}`
}

/** Returns the metadata that tells the next owner which messages to skip. */
export const parkedNow = ({ watermark, parked }: Progress): string => parkedText(watermark.position, parked)

/**
 * `committed`: what was found on joining. Without a mark of ours, every message in the log may have been delivered
 * before: a new group looks like one whose offsets have expired or were deleted.
 */
export function progressFrom(start: bigint, highWatermark: bigint, committed: KafkaCommitted | undefined): Progress {
  const found = BigInt(committed?.offset ?? -1)
  const [, mark, maybe = 0, parked = ''] = MARK.exec(committed?.metadata ?? '') ?? []
  return {
    watermark: createWatermark(start),
    floor: mark === undefined ? start : BigInt(mark),
    maybe: mark === undefined ? highWatermark : BigInt(maybe),
    mark: mark === undefined ? start : BigInt(mark),
    committed: found < 0n ? undefined : found,
    parked: parkedFrom(found, parked),
    parkedOnRecord: parked,
  }
}

export function redelivered({ seen, offset, progress }: HeldRecord): Delivery['redelivered'] {
  return seen || offset < progress.floor || (offset < progress.maybe && 'maybe')
}

export function newPartition(topic: string, partition: number): Partition {
  return { topic, partition, isOurs: true, isPaused: false, progress: undefined, sought: undefined }
}

/** Unambiguous, since topics have no slash. */
export const placeOf = ({ topic, partition }: Pick<Partition, 'topic' | 'partition'>): string => `${topic}/${partition}`

export function goneError(of: Pick<Partition, 'topic' | 'partition'>, next: bigint, from: bigint): Error {
  const gone = `${placeOf(of)}: messages from offset ${next} are gone, consuming from ${from}`
  return new Error(`${gone}; compare the retention of the topic with the lag of the group`)
}
