import { oneAtATime } from '../../core/one-at-a-time.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { KafkaBatchPayload, KafkaOffsets } from './client.ts'
import { markText, type Partition, type Progress, parkedNow } from './partition.ts'

type Commit = KafkaBatchPayload['commitOffsetsIfNecessary']

/** Messages that settle within this time are committed together. */
const GATHER_MS = 50
const FAILURE_PAUSE_MS = 1_000
/** How far ahead the mark is set, so that it is written with the position and rarely by itself. */
const MARK_AHEAD = 1_000n

export interface Commits {
  /** Call with each batch: `commit` belongs to the group generation of that batch. */
  use(commit: Commit): void
  /** Resolves when it is committed that the group may have received everything before `next`. */
  allow(partition: Partition, progress: Progress, next: bigint): Promise<void>
  /** Something was settled: commit soon. */
  soon(): void
  /** Commits what is settled. Call when nothing more will be delivered. Never rejects. */
  finish(): Promise<void>
  /**
   * Like `finish`, but sends the request before it returns: a request sent after the rebalance would carry the new
   * generation. The answer is not awaited.
   */
  farewell(): void
}

/** Commits the watermarks of the partitions that are ours, one request after the other. */
export function createCommits(
  runtime: Runtime,
  partitions: () => Iterable<Partition>,
  onFailure: (error: unknown) => void,
): Commits {
  let commit: Commit | undefined
  const inTurn = oneAtATime()
  let planned = false

  /** Partitions must still be ours when the request is sent: the client would send it in its next generation. */
  async function send(moved: readonly (readonly [Partition, Progress, bigint])[]): Promise<void> {
    const ours = moved.filter(([{ isOurs }]) => isOurs)
    if (ours.length === 0 || commit === undefined) return
    const sent = ours.map(([{ topic, partition }, progress, mark]) => {
      const { position } = progress.watermark
      return { topic, partition, progress, position, mark, parked: parkedNow(progress) }
    })
    const topics: KafkaOffsets['topics'] = sent.map(({ topic, partition, progress, position, mark, parked }) => ({
      topic,
      partitions: [{ partition, offset: String(position), metadata: markText(mark, progress.maybe, parked) }],
    }))
    await commit({ topics: gathered(topics) })
    for (const { progress, position, mark, parked } of sent) {
      Object.assign(progress, { committed: position, mark, parkedOnRecord: parked })
      for (const offset of progress.parked) if (offset < position) progress.parked.delete(offset)
    }
  }

  function moved(): (readonly [Partition, Progress, bigint])[] {
    const found: (readonly [Partition, Progress, bigint])[] = []
    for (const one of partitions()) {
      const { isOurs, progress } = one
      if (!isOurs || progress === undefined || isOnRecord(progress)) continue
      const { next } = progress.watermark
      found.push([one, progress, progress.mark - next < MARK_AHEAD / 2n ? next + MARK_AHEAD : progress.mark])
    }
    return found
  }

  /** Sets the mark no further than needed, so that the next owner does not suspect messages that nobody received. */
  function parting(): (readonly [Partition, Progress, bigint])[] {
    const found: (readonly [Partition, Progress, bigint])[] = []
    for (const one of partitions()) if (one.progress) found.push([one, one.progress, one.progress.watermark.next])
    return found
  }

  async function flush(): Promise<void> {
    try {
      await inTurn(() => send(moved()))
    } catch (error) {
      if (!isRebalance(error)) onFailure(error)
      later(FAILURE_PAUSE_MS)
    }
  }

  function later(ms: number): void {
    if (planned) return
    planned = true
    runtime.after(ms, () => {
      planned = false
      void flush()
    })
  }

  return {
    use(next) {
      commit = next
    },
    async allow(partition, progress, next) {
      if (progress.mark < next) await inTurn(() => send([[partition, progress, next + MARK_AHEAD]]))
    },
    soon: () => later(GATHER_MS),
    finish: () => inTurn(() => send(parting())).catch(onFailure),
    farewell() {
      send(parting()).catch(() => {})
    },
  }
}

const isOnRecord = (progress: Progress): boolean =>
  progress.watermark.position === progress.committed && parkedNow(progress) === progress.parkedOnRecord

/** One entry for each topic. */
function gathered(topics: KafkaOffsets['topics']): KafkaOffsets['topics'] {
  const byTopic = new Map<string, KafkaOffsets['topics'][number]['partitions']>()
  for (const { topic, partitions } of topics) byTopic.set(topic, [...(byTopic.get(topic) ?? []), ...partitions])
  return [...byTopic].map(([topic, partitions]) => ({ topic, partitions }))
}

/** Errors that every member gets in a rebalance; the client joins again by itself. */
const REBALANCE = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID'])

export function isRebalance(error: unknown): boolean {
  return REBALANCE.has(String((error as { readonly type?: unknown } | null)?.type))
}
