import { fullJitterMs } from '../core/backoff.ts'
import { reasonOf } from '../core/errors.ts'
import { quote, resolveKey } from '../core/key.ts'
import { batchRun, type Rider } from './batch.ts'
import { atomicRun, type Course, leasedRun, type Named } from './course.ts'
import type { Delivery, Verdict } from './delivery.ts'
import { follow } from './follow.ts'
import { createHistories } from './history.ts'
import { checkHorizon } from './horizon.ts'
import type { AtomicInboxOptions, BatchInboxOptions, InboxOptions, LeasedInboxOptions } from './inbox-options.ts'
import { resolveInbox } from './inbox-settings.ts'
import { naming, scopeWithin } from './naming.ts'
import { counterId, recordsOf } from './records.ts'
import { shadowRun } from './shadow.ts'
import { suspectsAlone } from './suspects.ts'
import { deadLetter, NOT_OURS, retry, verdictOf, verdictOfError } from './verdict.ts'
import { VisibleTogether } from './visibility.ts'

export type { Delivery, Observation, Verdict } from './delivery.ts'
export type {
  AtomicInboxOptions,
  BatchInboxOptions,
  BatchRules,
  InboxEngine,
  InboxOptions,
  InboxRules,
  LeasedInboxOptions,
} from './inbox-options.ts'
export { type Message, Unprocessable } from './message.ts'

/** What an adapter calls for every delivery of its broker; the verdict is what to tell the broker. */
export interface Inbox {
  /**
   * Handles one message once, however often it is delivered, and returns what to tell the broker. Never rejects. When
   * `signal` aborts, a delivery that is only held is given back at once; a running handler is waited for.
   */
  (delivery: Delivery, signal?: AbortSignal): Promise<Verdict>
  /**
   * Forgets the outcome of a message, attempts included, so that it is handled when it is delivered again. `part`: what
   * the option `scope` returns for it. Returns whether there was anything to forget.
   * @throws OnlyonceError KEY_MISSING, KEY_INVALID, STORE_UNAVAILABLE; OPTION_INVALID for a bad `part`
   */
  readmit(key: string, part?: string): Promise<boolean>
  /**
   * Warns if the broker may deliver a message for longer than its record is kept. For adapters that learn of it.
   * @throws OnlyonceError OPTION_INVALID with `strict`
   */
  checkHorizon(horizonMs: number): void
  /** Set if the inbox has the option `batch`. */
  readonly batch?: InboxBatch
  /** How long the broker should keep a received delivery from others; `extend` asks for the same each time. */
  readonly visibilityMs: number
}

/** How an adapter hands over deliveries together: up to `maxSize`, the first of which waits `maxWaitMs` for others. */
export interface InboxBatch {
  readonly maxSize: number
  readonly maxWaitMs: number
  /**
   * Handles deliveries together, in order. Returns a promise for each, resolved as soon as its verdict is known, so
   * that a message that is held does not delay the others. None of them rejects.
   */
  receive(deliveries: readonly Delivery[], signal?: AbortSignal): readonly Promise<Verdict>[]
}

/**
 * Returns the function that a broker adapter calls for every delivery.
 * @throws OnlyonceError OPTION_INVALID
 */
export function inbox(options: LeasedInboxOptions): Inbox
export function inbox<Tx>(options: AtomicInboxOptions<Tx>): Inbox
export function inbox<Tx>(options: BatchInboxOptions<Tx>): Inbox
export function inbox<Tx>(options: InboxOptions<Tx>): Inbox
export function inbox<Tx>(options: InboxOptions<Tx>): Inbox {
  const settings = resolveInbox(options)
  const { scope, visibilityMs, late, mode } = settings
  const { retentionMs, waitMs } = settings.call
  const { once, delivers, redeliveryHorizonMs } = options
  const { runtime, maxKeyLength } = once.options
  const pauseMs = (starts: number) => fullJitterMs(runtime, settings, starts)
  const nameOf = naming(scope, options)
  const records = recordsOf(once)
  const isLate = ({ publishedAt }: Delivery) =>
    late === 'park' && publishedAt !== undefined && runtime.now() - publishedAt > retentionMs
  const single = settings.batch === undefined ? options : oneByOne(options as BatchInboxOptions<Tx>)
  const histories = createHistories(records, maxKeyLength, delivers === 'exactly-once-effect')
  const runAtOnce =
    delivers === 'exactly-once-effect'
      ? atomicRun(single as AtomicInboxOptions<Tx>, settings, records)
      : leasedRun(options as LeasedInboxOptions, settings)
  const run = suspectsAlone(runAtOnce, histories, runtime, waitMs)
  const observed = shadowRun(single, records, settings, isLate, pauseMs)

  async function attempt(course: Course): Promise<Verdict> {
    const { delivery, named } = course
    try {
      if (isLate(delivery) && (await isUnknown(named)))
        return deadLetter(
          `late, unverifiable: message ${quote(delivery.id)} was published before what is remembered begins`,
        )
      const outcome = await run(course, 'wait')
      if (course.withdrawn !== undefined && !course.handling) return course.withdrawn
      if (outcome.kind === 'failed' && !course.counted) histories.ended(named)
      return verdictOf(delivery, outcome, course, pauseMs)
    } catch (error) {
      return verdictOfError(error, pauseMs)
    }
  }

  async function isUnknown(named: Named): Promise<boolean> {
    const { id } = resolveKey(named, named.scope, maxKeyLength)
    const [record] = await records.find([id])
    return record === undefined
  }

  async function observe(delivery: Delivery, named: Named): Promise<Verdict> {
    const visibility = new VisibleTogether(runtime, visibilityMs).keep(delivery, () => {})
    try {
      const verdict = await observed(delivery, named)
      return visibility.lost ? NOT_OURS : verdict
    } finally {
      visibility.stop()
    }
  }

  function courseOf(delivery: Delivery): Course | Verdict {
    if (typeof delivery?.id !== 'string' || !(delivery.body instanceof Uint8Array))
      return deadLetter('the broker handed over something that is not a message with an id and a body of bytes')
    if (delivery.unreadable !== undefined) return deadLetter(delivery.unreadable)
    try {
      const named = nameOf(delivery)
      return { delivery, named, starts: 1, counted: false, handling: false, parked: false, withdrawn: undefined }
    } catch (error) {
      return deadLetter(`message ${quote(delivery.id)} has no key: ${reasonOf(error)}`)
    }
  }

  const receive = async (delivery: Delivery, signal?: AbortSignal): Promise<Verdict> => {
    try {
      const course = courseOf(delivery)
      if ('kind' in course) return course
      if (mode === 'shadow') return await observe(delivery, course.named)
      return await follow(course, new VisibleTogether(runtime, visibilityMs), signal, (decide) => {
        void attempt(course).then(decide, (error) => decide(inboxFailed(error)))
      })
    } catch (error) {
      return inboxFailed(error)
    }
  }

  const inboxFailed = (error: unknown) => retry(pauseMs(1), `the inbox failed: ${reasonOf(error)}`)

  function receiveAll(
    ride: (riders: readonly Rider[]) => Promise<void>,
    deliveries: readonly Delivery[],
    signal?: AbortSignal,
  ): readonly Promise<Verdict>[] {
    const riders: Rider[] = []
    const visible = new VisibleTogether(runtime, visibilityMs)
    const lastOf = new Map<string, Promise<Verdict>>()

    function board(delivery: Delivery, before: Promise<Verdict> | undefined): Promise<Verdict> {
      try {
        const course = courseOf(delivery)
        if ('kind' in course) return Promise.resolve(course)
        return follow(course, visible, signal, (decide) => void riders.push({ course, before, decide, key: undefined }))
      } catch (error) {
        return Promise.resolve(inboxFailed(error))
      }
    }

    const verdicts = deliveries.map((delivery) => {
      const orderingKey = delivery?.orderingKey
      if (orderingKey === undefined) return board(delivery, undefined)
      const verdict = board(delivery, lastOf.get(orderingKey))
      lastOf.set(orderingKey, verdict)
      return verdict
    })
    void ride(riders)
    return verdicts
  }

  async function readmit(key: string, part?: string): Promise<boolean> {
    const named = { key, scope: part === undefined ? scope : scopeWithin(scope, part) }
    resolveKey(named, named.scope, maxKeyLength)
    // The engine forgets the operation, as it may have cached the result; it does not know the counter.
    const [forgotten, counters] = await Promise.all([once.forget(named), records.forget([counterId(named)])])
    return forgotten || counters > 0
  }

  const checkAgainst = (horizonMs: number) => checkHorizon(settings, horizonMs)
  if (redeliveryHorizonMs !== undefined) checkAgainst(redeliveryHorizonMs)
  const inbox = Object.assign(receive, { readmit, visibilityMs, checkHorizon: checkAgainst })
  // Shadow mode handles each delivery as it comes, without batches.
  if (settings.batch === undefined || mode === 'shadow') return inbox
  const ride = batchRun(options as BatchInboxOptions<Tx>, settings, { histories, isLate, pauseMs, attempt })
  const batch: InboxBatch = {
    ...settings.batch,
    receive: (deliveries, signal) => receiveAll(ride, deliveries, signal),
  }
  return Object.assign(inbox, { batch })
}

/** The same handler for messages that are handled alone. */
function oneByOne<Tx>({ batch: _, handle, ...rest }: BatchInboxOptions<Tx>): AtomicInboxOptions<Tx> {
  return { ...rest, handle: (message, tx, op) => handle([message], tx, [op]) }
}
