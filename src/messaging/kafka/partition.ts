import type { Held } from '../backlog.ts'
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
  /** Messages before it may have been given to somebody before. */
  readonly floor: bigint
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

const MARK = /^onlyonce given=(\d{1,19})$/

/**
 * Kafka does not tell whether it handed over a message before. So the group commits, beside its position, up to where it
 * may hand over messages, before it does; what lies behind the mark of those before us was given to nobody. It spares
 * the inbox a look into the store for every message, and in atomic mode the counter of starts: about half the work.
 */
export const markText = (mark: bigint): string => `onlyonce given=${mark}`

/** `committed`: what was found on joining; without a mark of ours in it, everything that is in the log may be known. */
export function progressFrom(start: bigint, highWatermark: bigint, committed: KafkaCommitted | undefined): Progress {
  const isNew = committed !== undefined && BigInt(committed.offset) < 0n
  const mark = MARK.exec(committed?.metadata ?? '')?.[1]
  const floor = isNew ? start : mark === undefined ? highWatermark : BigInt(mark)
  return {
    watermark: createWatermark(start),
    floor,
    mark: mark === undefined ? start : BigInt(mark),
    committed: isNew || committed === undefined ? undefined : BigInt(committed.offset),
  }
}

export function newPartition(topic: string, partition: number): Partition {
  return { topic, partition, isOurs: true, isPaused: false, progress: undefined, sought: undefined }
}

/** Topics have no slash. */
export const placeOf = ({ topic, partition }: Pick<Partition, 'topic' | 'partition'>): string => `${topic}/${partition}`
