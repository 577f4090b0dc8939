import { aFunction, checkEach, invalidKind } from '../core/option-rules.ts'
import type { BullJob, BullWorker } from './bullmq/client.ts'
import { closed } from './bullmq/closed.ts'
import { gathered } from './bullmq/gathered.ts'
import { deliveryOf, withHeaders } from './bullmq/job.ts'
import { DelayedError, UnrecoverableError } from './bullmq/signals.ts'
import { type ConsumerEvent, harmless } from './consumer.ts'
import { labelsOf } from './headers.ts'
import {
  type AtomicInboxOptions,
  type BatchInboxOptions,
  type Delivery,
  type InboxOptions,
  inbox,
  type LeasedInboxOptions,
  type Verdict,
} from './inbox.ts'

export type { Publisher, PublishResult } from '../core/publisher.ts'
export type { OutboxMessage } from '../core/store.ts'
export type { BullJob, BullQueue, BullWorker } from './bullmq/client.ts'
export { JOB_NAME_HEADER, type JobData, type JobMessage, jobData } from './bullmq/job.ts'
export { type BullPublisherOptions, publisher } from './bullmq/publish.ts'
export type { ConsumerEvent } from './consumer.ts'
export { CONSUMER_HEADER, REASON_HEADER, SOURCE_HEADER } from './headers.ts'
export { type Delivery, type Inbox, type InboxOptions, type Message, Unprocessable, type Verdict } from './inbox.ts'

/** What `processor` takes besides the options of the inbox. */
export interface BullEvents {
  /**
   * Default: nobody. Told of every job that is settled, and of every call that BullMQ fails. What it throws goes to the
   * engine's `onListenerError`.
   */
  readonly onEvent?: (event: ConsumerEvent) => void
}

/** Options of a processor whose record and effect are two steps with a lease between. */
export type LeasedProcessorOptions = LeasedInboxOptions & BullEvents
/** Options of a processor whose record and effect commit in one transaction of the type `Tx`. */
export type AtomicProcessorOptions<Tx> = AtomicInboxOptions<Tx> & BullEvents
/** Jobs handled concurrently form a batch: the worker's `concurrency` should not be less than `batch.maxSize`. */
export type BatchProcessorOptions<Tx> = BatchInboxOptions<Tx> & BullEvents
/** Options of `processor`, whatever the guarantee: `delivers` and `batch` tell which. */
export type ProcessorOptions<Tx> = LeasedProcessorOptions | AtomicProcessorOptions<Tx> | BatchProcessorOptions<Tx>

/** For `new Worker(name, processor, …)` of BullMQ. */
export interface Processor {
  (job: BullJob, token?: string): Promise<void>
  /**
   * Closes the worker: running handlers finish, jobs that are only held go back to the queue. If BullMQ has not closed
   * 5 seconds after the last handler ended (Redis may be gone), emits `broker-failed` and resolves.
   * @throws OnlyonceError OPTION_INVALID without a worker
   */
  stop(worker: BullWorker): Promise<void>
  /**
   * Forgets the outcome of the message with this key, so that it is handled when its job is retried. `part`: what the
   * option `scope` returns for it. Returns whether there was anything to forget.
   */
  readmit(key: string, part?: string): Promise<boolean>
}

/**
 * Handles the message of every job once. Attempts and back-off are those of the inbox, not BullMQ's `attempts` and
 * `backoff`.
 * @throws OnlyonceError OPTION_INVALID
 */
export function processor(options: LeasedProcessorOptions): Processor
export function processor<Tx>(options: AtomicProcessorOptions<Tx>): Processor
export function processor<Tx>(options: BatchProcessorOptions<Tx>): Processor
export function processor<Tx>(options: ProcessorOptions<Tx>): Processor
export function processor<Tx>(options: ProcessorOptions<Tx>): Processor {
  const { onEvent = () => {}, ...rest } = Object(options) as typeof options
  checkEach(aFunction, { onEvent })
  const emit = harmless(onEvent, rest)
  const handled = inbox(rest as InboxOptions<Tx>)
  const { runtime } = rest.once.options
  const stopping = new AbortController()
  const receive =
    handled.batch === undefined
      ? (delivery: Delivery) => handled(delivery, stopping.signal)
      : gathered(handled.batch, runtime, stopping.signal)

  /** Writes the reason into the failed job for its reader. The job fails even if that cannot be written. */
  async function label(job: BullJob, reason: string): Promise<void> {
    const labelled = withHeaders(job.data, labelsOf(rest.name, job.queueName, reason))
    try {
      if (labelled !== undefined) await job.updateData(labelled)
    } catch (error) {
      emit({ type: 'broker-failed', verb: 'settle', error })
    }
  }

  async function carryOut(verdict: Verdict, job: BullJob, token: string | undefined): Promise<void> {
    switch (verdict.kind) {
      case 'ack':
        return
      case 'dead-letter':
        await label(job, verdict.reason)
        throw new UnrecoverableError(verdict.reason)
      case 'retry':
        try {
          // Not by an ordinary error, which would use up one of BullMQ's attempts.
          await job.moveToDelayed(runtime.now() + verdict.delayMs, token)
        } catch (error) {
          // The lock or Redis is lost. The job stalls and is delivered again.
          emit({ type: 'broker-failed', verb: 'settle', error })
        }
        throw new DelayedError(verdict.reason)
      case 'none':
        throw new DelayedError(verdict.reason)
    }
  }

  const running = new Set<Promise<Verdict>>()

  async function run(job: BullJob, token?: string): Promise<void> {
    const startedAt = runtime.elapsed()
    const delivery = deliveryOf(job)
    const handling = receive(delivery)
    running.add(handling)
    const verdict = await handling.finally(() => running.delete(handling))
    emit({ type: 'settled', delivery, verdict, tookMs: runtime.elapsed() - startedAt })
    return carryOut(verdict, job, token)
  }

  return Object.assign(run, {
    readmit: handled.readmit,
    async stop(worker: BullWorker) {
      if (typeof Object(worker).close !== 'function')
        throw invalidKind(
          'worker',
          'is required: `stop(worker)`, the Worker of BullMQ that calls this processor',
          worker,
        )
      // The worker closes first, so that it does not fetch again what is given back.
      const closing = worker.close()
      stopping.abort()
      await closed(runtime, closing, running, (error) => emit({ type: 'broker-failed', verb: 'settle', error }))
    },
  })
}
