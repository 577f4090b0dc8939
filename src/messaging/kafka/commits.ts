import type { Runtime } from '../../core/runtime.ts'
import type { KafkaBatchPayload, KafkaOffsets } from './client.ts'
import { markText, type Partition, type Progress } from './partition.ts'

type Commit = KafkaBatchPayload['commitOffsetsIfNecessary']

/** What settles within this time is committed together. */
const GATHER_MS = 50
const FAILURE_PAUSE_MS = 1_000
/** The mark is set this far ahead, so that it is written with the position and rarely by itself. */
const MARK_AHEAD = 1_000n

export interface Commits {
  /** With each batch: how to commit in the generation it belongs to. */
  use(commit: Commit): void
  /** Resolves when the group is on record as possibly having been given everything before `next`. */
  allow(partition: Partition, progress: Progress, next: bigint): Promise<void>
  /** Something was settled: commit soon. */
  soon(): void
  /** Commits what is settled, when nothing more is going to be handed over. Never rejects. */
  finish(): Promise<void>
  /**
   * As `finish`, before this function returns: a request that leaves after a rebalance would carry the new generation.
   * Nobody waits for the answer.
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
  let last: Promise<unknown> = Promise.resolve()
  let planned = false

  /** The partition still has to be ours when the request leaves: the client would send it in its next generation. */
  async function send(moved: readonly (readonly [Partition, Progress, bigint])[]): Promise<void> {
    const ours = moved.filter(([{ isOurs }]) => isOurs)
    if (ours.length === 0 || commit === undefined) return
    const sent = ours.map(([{ topic, partition }, progress, mark]) => {
      const { position } = progress.watermark
      return { topic, partition, progress, position, mark }
    })
    const topics: KafkaOffsets['topics'] = sent.map(({ topic, partition, progress, position, mark }) => ({
      topic,
      partitions: [{ partition, offset: String(position), metadata: markText(mark, progress.maybe) }],
    }))
    await commit({ topics: gathered(topics) })
    for (const { progress, position, mark } of sent) Object.assign(progress, { committed: position, mark })
  }

  function inTurn(work: () => Promise<void>): Promise<void> {
    const turn = last.then(work)
    last = turn.catch(() => {})
    return turn
  }

  function moved(): (readonly [Partition, Progress, bigint])[] {
    const found: (readonly [Partition, Progress, bigint])[] = []
    for (const one of partitions()) {
      const { isOurs, progress } = one
      if (!isOurs || progress === undefined || progress.watermark.position === progress.committed) continue
      const { next } = progress.watermark
      found.push([one, progress, progress.mark - next < MARK_AHEAD / 2n ? next + MARK_AHEAD : progress.mark])
    }
    return found
  }

  /** With the mark where it has to be and no further: the next owner need not look twice at what nobody was given. */
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

/** One entry for each topic. */
function gathered(topics: KafkaOffsets['topics']): KafkaOffsets['topics'] {
  const byTopic = new Map<string, KafkaOffsets['topics'][number]['partitions']>()
  for (const { topic, partitions } of topics) byTopic.set(topic, [...(byTopic.get(topic) ?? []), ...partitions])
  return [...byTopic].map(([topic, partitions]) => ({ topic, partitions }))
}

/** The group says so to everybody, and the client joins again by itself. */
const REBALANCE = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID'])

export function isRebalance(error: unknown): boolean {
  return REBALANCE.has(String((error as { readonly type?: unknown } | null)?.type))
}
