import { reasonOf } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import { aFunction, checkEach, invalidKind, refuseUnknown } from '../../core/option-rules.ts'
import type { Publisher, PublishResult } from '../../core/publisher.ts'
import { systemRuntime } from '../../core/runtime.ts'
import type { OutboxMessage } from '../../core/store.ts'
import type { BullQueue } from './client.ts'
import { jobData, messageIdOf } from './job.ts'
import { failureOf } from './publish-failure.ts'

/** Options of BullMQ's `publisher`; any other name is OPTION_INVALID. */
export interface BullPublisherOptions {
  /** A queue of BullMQ, or a function that returns the queue for a message. It stays yours and is not closed. */
  readonly queue: BullQueue | ((message: OutboxMessage) => BullQueue)
  /**
   * Default: none. BullMQ's own options for the job of a message, such as `priority`; a `jobId` has no effect. With
   * `deduplication`, that decides for BullMQ what is a copy, and its answer is checked.
   */
  readonly job?: (message: OutboxMessage) => object
}

const KNOWN: readonly string[] = ['queue', 'job']

/**
 * Adds messages to a queue, each under a job id made of its own id, so that a copy is not added while the job is kept.
 * The topic is the job's name.
 * @throws OnlyonceError OPTION_INVALID
 */
export function publisher(options: BullPublisherOptions): Publisher {
  refuseUnknown(options, KNOWN)
  const { queue, job = (): object => ({}) } = Object(options) as typeof options
  if (typeof queue !== 'function' && typeof Object(queue).add !== 'function')
    throw invalidKind('queue', 'is required: a queue of BullMQ, or a function that answers one', queue)
  checkEach(aFunction, { job })

  async function publish(message: OutboxMessage): Promise<PublishResult> {
    let add: () => Promise<PublishResult>
    try {
      add = addition(message)
    } catch (error) {
      return { ok: false, reason: reasonOf(error) }
    }
    return add().catch(failureOf)
  }

  function addition(message: OutboxMessage): () => Promise<PublishResult> {
    const named = `the topic ${quote(message.topic)}`
    const to = typeof queue === 'function' ? queue(message) : queue
    if (typeof Object(to).add !== 'function')
      throw invalidKind('queue', `must answer a queue of BullMQ for ${named}`, to)
    const given: { readonly deduplication?: unknown } = job(message)
    if (Object(given) !== given) throw invalidKind('job', `must answer options of BullMQ for ${named}`, given)
    // A new job id for each attempt: it tells a job that was added from an older one that BullMQ names.
    const jobId =
      given.deduplication === undefined ? jobIdOf(message.id) : `${jobIdOf(message.id)}~${systemRuntime.token()}`
    const data = jobData(message)
    return async () => {
      const { id } = await to.add(message.topic, data, { ...given, jobId })
      return id === jobId ? { ok: true } : copyOf(to, message, id, keepsLast(given))
    }
  }

  return (batch) => Promise.all(batch.map(publish))
}

/**
 * Checks the job that BullMQ says has the message: what it remembers may outlive that job. With `keepLastIfActive`,
 * BullMQ gives the same answer for a message that it keeps as the next one, until a later one takes its place.
 */
async function copyOf(
  queue: BullQueue,
  message: OutboxMessage,
  id: string | undefined,
  mayBeNext: boolean,
): Promise<PublishResult> {
  const stored = id === undefined ? undefined : await queue.getJob(id)
  if (stored && messageIdOf(stored.data) === message.id) return { ok: true }
  const taken = `BullMQ takes it for a copy of job ${id}, which is ${stored ? 'another message' : 'not there'}`
  if (mayBeNext) return { ok: false, reason: `${taken}: it may keep it as the next one`, unknown: true }
  return { ok: false, reason: `${taken}: it was not stored` }
}

function keepsLast(given: object): boolean {
  const { deduplication } = given as { readonly deduplication?: unknown }
  return Boolean((Object(deduplication) as { readonly keepLastIfActive?: unknown }).keepLastIfActive)
}

/** Returns the job id: BullMQ refuses ids with colons, and numbers. Different ids stay different. */
function jobIdOf(id: string): string {
  return `o-${id.replaceAll('%', '%25').replaceAll(':', '%3A')}`
}
