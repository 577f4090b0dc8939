import { reasonOf } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import { timeLimit } from '../../core/time-limit.ts'
import type { KafkaAdmin, KafkaConsumer, KafkaRecord } from './client.ts'
import { keepConsuming, type Session } from './link.ts'
import type { ResolvedSource } from './options.ts'
import { createSeen, type Ends } from './seen.ts'

export interface TopicReader {
  /**
   * Reads up to the current end of the topic. Resolves to `false` if the topic ends before what was read (then it is
   * another log) or has more partitions: this reader is of no more use.
   * @throws Error when that takes longer than `limitMs`; reading goes on meanwhile
   */
  catchUp(limitMs: number): Promise<boolean>
  has(name: string): boolean
  close(): Promise<void>
}

/** Returns the name of a record; a record without a name is skipped. */
export type NameOf = (record: KafkaRecord) => string | undefined

/** Reads a topic as the only member of a group that never commits, from its last `window` offsets on, until closed. */
export function readTopic(source: ResolvedSource, window: number, nameOf: NameOf, runtime: Runtime): TopicReader {
  const [topic = ''] = source.topics
  const seen = createSeen(window)
  const waiting = new Set<() => void>()
  /** Set while partitions are assigned to us. */
  let asked: KafkaAdmin | undefined
  let failure: unknown

  const endsOf = async (admin: KafkaAdmin): Promise<readonly Ends[]> =>
    (await admin.fetchTopicOffsets(topic)).map(({ partition, low, high }) => ({
      ...{ partition, low: Number(low), high: Number(high) },
    }))

  function changed(): void {
    for (const look of [...waiting]) look()
  }

  function createSession(consumer: KafkaConsumer, admin: KafkaAdmin): Session {
    let begun: Promise<void> = Promise.resolve()
    // The only event for a batch that has only aborted records and transaction markers.
    consumer.on('consumer.end_batch_process', ({ payload }) => {
      const { partition, batchSize, lastOffset } = payload as { partition: number } & Record<string, unknown>
      if (batchSize !== 0) return
      void begun
        .then(() => seen.pass(partition, Number(lastOffset) + 1))
        .then(changed)
        .catch(() => {})
    })
    return {
      begin() {
        begun = endsOf(admin).then((ends) => {
          seen.begin(ends)
          asked = admin
          changed()
        })
        // Thrown by `take` for the first batch, which then fails.
        begun.catch((error: unknown) => {
          failure = error
        })
      },
      farewell() {},
      end() {
        asked = undefined
      },
      async take({ batch, resolveOffset }) {
        await begun
        const { partition } = batch
        const position = seen.position(partition)
        if (position === undefined) return
        if (batch.fetchedOffset !== undefined && Number(batch.fetchedOffset) < position) {
          consumer.seek({ topic, partition, offset: String(position) })
          return
        }
        for (const record of batch.messages) {
          const name = nameOf(record)
          if (name === undefined) continue
          // Such a record deletes its key.
          if (record.value === null) seen.remove(partition, name)
          else seen.add(partition, Number(record.offset), name)
        }
        seen.pass(partition, Number(batch.lastOffset()) + 1)
        resolveOffset(batch.lastOffset())
        changed()
      },
      finish: async () => {},
    }
  }

  const link = keepConsuming(source, runtime, {
    concurrency: 4,
    open: createSession,
    onRetention() {},
    onFailure(error) {
      failure = error
    },
  })

  function until(holds: () => boolean): { readonly held: Promise<void>; readonly cancel: () => void } {
    let look = () => {}
    const held = new Promise<void>((resolve) => {
      look = () => {
        if (!holds()) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })
    return { held, cancel: () => waiting.delete(look) }
  }

  return {
    async catchUp(limitMs) {
      const endsAt = runtime.elapsed() + limitMs
      const inTime = <T>(promise: Promise<T>): Promise<T> =>
        timeLimit(runtime, promise, Math.max(0, endsAt - runtime.elapsed()), () => {
          const why = failure === undefined ? '' : ` (${reasonOf(failure)})`
          const cause = failure === undefined ? {} : { cause: failure }
          return new Error(`topic ${topic} was not read to its end within ${Math.round(limitMs)} ms${why}`, cause)
        })
      const held = async (holds: () => boolean) => {
        const { held, cancel } = until(holds)
        await inTime(held).finally(cancel)
      }
      await held(() => asked !== undefined)
      const admin = asked as KafkaAdmin
      const before = seen.positions()
      const ends = await inTime(endsOf(admin))
      // Also for a partition added later: a new reader finds it sooner than the client asks for partitions again.
      if (ends.some(({ partition, high }) => high < (before.get(partition) ?? Infinity))) return false
      seen.trim(ends)
      await held(() => seen.covers(ends))
      failure = undefined
      return true
    },
    has: seen.has,
    close: () => link.close(),
  }
}
