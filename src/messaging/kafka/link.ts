import type { Runtime } from '../../core/runtime.ts'
import { timeLimit } from '../../core/time-limit.ts'
import { keepOpen } from '../keep-open.ts'
import type { KafkaAdmin, KafkaBatchPayload, KafkaConsumer } from './client.ts'
import { otherTopicsOf } from './group-topics.ts'
import type { ResolvedSource } from './options.ts'
import { declareDeadTopics, retentionOf } from './topics.ts'

/** A broker that does not answer must not delay `close`. */
const CLOSE_LIMIT_MS = 10_000
const OPEN_LIMIT_MS = 60_000
/** A partition that is fetched again waits for the pending request: at most this long, not the client's 5 s. */
const FETCH_WAIT_MS = 500

/** Handles one consumer of the client, from its start to its end. */
export interface Session {
  /** The group assigned these partitions to us; earlier ones belong to others now, or start anew. */
  begin(assigned: Readonly<Record<string, readonly number[]>>): void
  /** The group is about to rebalance: the last moment at which settled messages can be committed. */
  farewell(): void
  /** No partition is ours any more. */
  end(): void
  take(payload: KafkaBatchPayload): Promise<void>
  /** Called before the consumer leaves the group in good order. */
  finish(): Promise<void>
}

export interface LinkEvents {
  /** Default 1. How many partitions `take` is called for concurrently. */
  readonly concurrency?: number
  readonly open: (consumer: KafkaConsumer, admin: KafkaAdmin) => Session
  /**
   * Called at the start, and when the retention has changed.
   * @throws when messages may be delivered for longer than they are remembered, and that is not accepted
   */
  readonly onRetention: (retentionMs: number) => void
  readonly onFailure: (error: unknown) => void
}

/** Keeps this process in the group: a consumer that crashed is replaced until `close`. */
export interface Link {
  /** Takes nothing new from now on. Held messages are still ours. */
  cancel(): void
  close(): Promise<void>
}

export function keepConsuming(source: ResolvedSource, runtime: Runtime, events: LinkEvents): Link {
  const { kafka, topics, groupId, fromBeginning, declare } = source
  const { onFailure, onRetention } = events
  const ending = new AbortController()
  let taking = true
  let current: KafkaConsumer | undefined
  let toldRetentionMs: number | undefined

  const inTime = <T>(what: string, asked: Promise<T>): Promise<T> =>
    timeLimit(runtime, asked, OPEN_LIMIT_MS, () => new Error(`kafka: no answer to ${what} within ${OPEN_LIMIT_MS} ms`))

  async function prepare(admin: KafkaAdmin): Promise<void> {
    await admin.connect()
    if (declare) await declareDeadTopics(admin, topics)
    const retentionMs = await retentionOf(admin, topics).catch(() => undefined)
    if (retentionMs === undefined || retentionMs === toldRetentionMs) return
    onRetention(retentionMs)
    toldRetentionMs = retentionMs
  }

  /** Resolves when the consumer has crashed or has to end. */
  async function consume(consumer: KafkaConsumer, admin: KafkaAdmin, session: Session): Promise<void> {
    const over = new AbortController()
    consumer.on('consumer.rebalancing', () => {
      session.farewell()
      session.end()
    })
    consumer.on('consumer.group_join', ({ payload }) => {
      session.begin((payload as { memberAssignment: Record<string, number[]> }).memberAssignment)
      otherTopicsOf(admin, groupId, topics).then(
        (other) => other !== undefined && !ending.signal.aborted && onFailure(other),
        // Only a warning would be missing.
        () => {},
      )
    })
    consumer.on('consumer.crash', ({ payload }) => {
      if (!ending.signal.aborted) onFailure((payload as { error: unknown }).error)
      over.abort('crashed')
    })
    try {
      await inTime('connect', consumer.connect())
      await inTime('subscribe', consumer.subscribe({ topics: [...topics], fromBeginning }))
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: events.concurrency ?? 1,
        eachBatch: async (payload) => {
          if (taking) await session.take(payload)
          // Pausing or resuming one partition ends the pause of all, which would then be fetched over and over.
          else cancel(consumer)
        },
      })
      if (!taking) cancel(consumer)
      await aborted(AbortSignal.any([over.signal, ending.signal]))
      if (ending.signal.aborted) await timeLimit(runtime, session.finish(), CLOSE_LIMIT_MS, () => undefined)
    } finally {
      session.end()
    }
  }

  async function open(): Promise<void> {
    const admin = kafka.admin()
    const consumer = kafka.consumer({
      maxWaitTimeInMs: FETCH_WAIT_MS,
      ...source.consumer,
      groupId,
      allowAutoTopicCreation: false,
      readUncommitted: false,
      // No restart by the client, at a time of its own choice.
      retry: { retries: 5, restartOnFailure: async () => false },
    })
    try {
      await inTime('prepare', prepare(admin))
      if (ending.signal.aborted) return
      current = consumer
      await consume(consumer, admin, events.open(consumer, admin))
    } finally {
      current = undefined
      const closing = Promise.allSettled([consumer.disconnect(), admin.disconnect()])
      await timeLimit(runtime, closing, CLOSE_LIMIT_MS, () => undefined).catch(() => {})
    }
  }

  function cancel(consumer: KafkaConsumer | undefined): void {
    try {
      // The consumer stays in the group, or messages being handled would be given to others.
      consumer?.pause(topics.map((topic) => ({ topic })))
    } catch {
      // It has not started, or has crashed: nothing is fetched.
    }
  }

  const kept = keepOpen(runtime, ending.signal, open, onFailure)
  return {
    cancel() {
      taking = false
      cancel(current)
    },
    async close() {
      ending.abort()
      await timeLimit(runtime, kept, CLOSE_LIMIT_MS, () => undefined).catch(() => {})
    },
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
