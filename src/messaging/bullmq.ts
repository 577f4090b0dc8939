import { setMaxListeners } from 'node:events'
import { invalidOption } from '../core/options.ts'
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

export type { BullJob, BullQueue, BullWorker } from './bullmq/client.ts'
export { JOB_NAME_HEADER, type JobData, type JobMessage, jobData } from './bullmq/job.ts'
export { type BullPublisherOptions, publisher } from './bullmq/publish.ts'
export type { ConsumerEvent } from './consumer.ts'
export { CONSUMER_HEADER, REASON_HEADER, SOURCE_HEADER } from './headers.ts'
export { type Delivery, type Inbox, type InboxOptions, type Message, Unprocessable, type Verdict } from './inbox.ts'

export interface BullEvents {
  readonly onEvent?: (event: ConsumerEvent) => void
}

export type LeasedProcessorOptions = LeasedInboxOptions & BullEvents
export type AtomicProcessorOptions<Tx> = AtomicInboxOptions<Tx> & BullEvents
/** Jobs that are handled side by side make a batch: the worker's `concurrency` should not be less than `batch.maxSize`. */
export type BatchProcessorOptions<Tx> = BatchInboxOptions<Tx> & BullEvents
export type ProcessorOptions<Tx> = LeasedProcessorOptions | AtomicProcessorOptions<Tx> | BatchProcessorOptions<Tx>

/** For `new Worker(name, processor, …)` of BullMQ. */
export interface Processor {
  (job: BullJob, token?: string): Promise<void>
  /**
   * Closes the worker: running handlers finish, what is only held goes back to the queue. Resolves 5 seconds after the last
   * handler ended even though BullMQ has not closed, as behind a Redis that is gone; `broker-failed` says so.
   */
  stop(worker: BullWorker): Promise<void>
  /**
   * Forgets what became of the message with this key, so that it is handled when its job is retried. `part`: what the
   * option `scope` answers for it.
   */
  readmit(key: string, part?: string): Promise<boolean>
}

/**
 * Handles the message of every job once. How often it is tried, and when again, is decided here and not by BullMQ's
 * `attempts` and `backoff`.
 * @throws OnlyonceError OPTION_INVALID
 */
export function processor(options: LeasedProcessorOptions): Processor
export function processor<Tx>(options: AtomicProcessorOptions<Tx>): Processor
export function processor<Tx>(options: BatchProcessorOptions<Tx>): Processor
export function processor<Tx>(options: ProcessorOptions<Tx>): Processor
export function processor<Tx>(options: ProcessorOptions<Tx>): Processor {
  const { onEvent = () => {}, ...rest } = options
  if (typeof onEvent !== 'function') throw invalidOption('onEvent', 'must be a function', onEvent)
  const emit = harmless(onEvent, rest)
  const handled = inbox(rest as InboxOptions<Tx>)
  const { runtime } = rest.once.options
  const stopping = new AbortController()
  // One listener for each job that is handled: many are no leak.
  setMaxListeners(0, stopping.signal)
  const receive =
    handled.batch === undefined
      ? (delivery: Delivery) => handled(delivery, stopping.signal)
      : gathered(handled.batch, runtime, stopping.signal)

  /** For whoever looks at the failed job; it fails all the same where that cannot be written. */
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
          // Not by an error: that would use up one of BullMQ's attempts.
          await job.moveToDelayed(runtime.now() + verdict.delayMs, token)
        } catch (error) {
          // The lock is lost, or Redis is. The job stalls, and comes again.
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
      // First the worker, which then fetches nothing more of what goes back.
      const closing = worker.close()
      stopping.abort()
      await closed(runtime, closing, running, (error) => emit({ type: 'broker-failed', verb: 'settle', error }))
    },
  })
}
