import { reasonOf } from '../core/errors.ts'
import { operationId, quote, resolveKey } from '../core/key.ts'
import { invalidOption } from '../core/options.ts'
import { batchRun, type Rider } from './batch.ts'
import { atomicRun, type Course, leasedRun, type Named } from './course.ts'
import type { Delivery, Verdict } from './delivery.ts'
import { counterId, createHistories } from './history.ts'
import type { AtomicInboxOptions, BatchInboxOptions, InboxOptions, LeasedInboxOptions } from './inbox-options.ts'
import { resolveInbox } from './inbox-settings.ts'
import { naming, scopeWithin } from './naming.ts'
import { recordsOf } from './records.ts'
import { shadowRun } from './shadow.ts'
import { suspectsAlone } from './suspects.ts'
import { deadLetter, fullJitter, NOT_OURS, retry, verdictOf, verdictOfError } from './verdict.ts'
import { keepVisible } from './visibility.ts'

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

export interface Inbox {
  /**
   * Handles one message once, however often it is delivered, and says what to tell the broker. Never throws.
   * When `signal` aborts, a delivery that is only being held is given back at once; a handler that runs is waited for.
   */
  (delivery: Delivery, signal?: AbortSignal): Promise<Verdict>
  /**
   * Forgets what became of a message, attempts included, so that it is handled when it is delivered again. `part`: what
   * the option `scope` answers for it.
   */
  readmit(key: string, part?: string): Promise<boolean>
  /**
   * Warns when the broker may deliver a message for longer than its record is kept; for an adapter that learns of it.
   * @throws OnlyonceError OPTION_INVALID with `strict`
   */
  checkHorizon(horizonMs: number): void
  /** Set where the inbox was given `batch`. */
  readonly batch?: InboxBatch
  /** For how long a delivery should be kept from others when it is received: what `extend` asks for each time. */
  readonly visibilityMs: number
}

export interface InboxBatch {
  readonly maxSize: number
  readonly maxWaitMs: number
  /**
   * Handles deliveries together, in their order. A verdict for each, as soon as it is known, so that one message which is
   * held up does not hold up the others. None of them rejects.
   */
  receive(deliveries: readonly Delivery[], signal?: AbortSignal): readonly Promise<Verdict>[]
}

/**
 * Makes the function that every broker adapter calls for every delivery.
 * @throws OnlyonceError OPTION_INVALID
 */
export function inbox(options: LeasedInboxOptions): Inbox
export function inbox<Tx>(options: AtomicInboxOptions<Tx>): Inbox
export function inbox<Tx>(options: BatchInboxOptions<Tx>): Inbox
export function inbox<Tx>(options: InboxOptions<Tx>): Inbox
export function inbox<Tx>(options: InboxOptions<Tx>): Inbox {
  const settings = resolveInbox(options)
  const { scope, visibilityMs, late, strict, mode } = settings
  const { retentionMs, waitMs } = settings.call
  const { once, delivers, redeliveryHorizonMs } = options
  const { runtime, maxKeyLength } = once.options
  const pauseMs = (starts: number) => fullJitter(runtime, settings, starts)
  const nameOf = naming(scope, options)
  const records = recordsOf(once)
  const isLate = ({ publishedAt }: Delivery) =>
    late === 'park' && publishedAt !== undefined && runtime.now() - publishedAt > retentionMs
  const single = settings.batch === undefined ? options : oneByOne(options as BatchInboxOptions<Tx>)
  const histories = createHistories(records, maxKeyLength, delivers === 'exactly-once-effect')
  const runAtOnce =
    delivers === 'exactly-once-effect'
      ? atomicRun(single as AtomicInboxOptions<Tx>, settings)
      : leasedRun(options as LeasedInboxOptions, settings)
  const run = suspectsAlone(runAtOnce, histories, runtime, waitMs)
  const observed = shadowRun(single, records, isLate, () => pauseMs(1))

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

  async function follow(course: Course, signal?: AbortSignal, carried?: Promise<Verdict>): Promise<Verdict> {
    let giveBack: (verdict: Verdict) => void = () => {}
    const givenBack = new Promise<Verdict>((resolve) => {
      giveBack = resolve
    })
    // A handler that runs holds the operation, whatever the broker thinks of the message; only waiting is cut short.
    const withdraw = (verdict: Verdict) => {
      if (course.handling) return
      course.withdrawn ??= verdict
      giveBack(course.withdrawn)
    }
    const stopping = () => withdraw(retry(0, 'the consumer is stopping'))
    const visibility = keepVisible(runtime, course.delivery, visibilityMs, () => withdraw(NOT_OURS))
    signal?.addEventListener('abort', stopping, { once: true })
    if (signal?.aborted) stopping()
    try {
      const verdict = await Promise.race([carried ?? attempt(course), givenBack])
      return visibility.lost ? NOT_OURS : verdict
    } finally {
      signal?.removeEventListener('abort', stopping)
      visibility.stop()
    }
  }

  async function observe(delivery: Delivery, named: Named): Promise<Verdict> {
    const visibility = keepVisible(runtime, delivery, visibilityMs, () => {})
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
    try {
      const named = nameOf(delivery)
      return { delivery, named, starts: 1, counted: false, handling: false, parked: false, withdrawn: undefined }
    } catch (error) {
      return deadLetter(`message ${quote(delivery.id)} has no key: ${reasonOf(error)}`)
    }
  }

  async function judge(delivery: Delivery, judged: (course: Course) => Promise<Verdict>): Promise<Verdict> {
    try {
      const course = courseOf(delivery)
      if ('kind' in course) return course
      if (mode === 'shadow') return await observe(delivery, course.named)
      return await judged(course)
    } catch (error) {
      return retry(pauseMs(1), `the inbox failed: ${reasonOf(error)}`)
    }
  }

  const receive = (delivery: Delivery, signal?: AbortSignal) => judge(delivery, (course) => follow(course, signal))

  function receiveAll(
    ride: (riders: readonly Rider[]) => Promise<void>,
    deliveries: readonly Delivery[],
    signal?: AbortSignal,
  ): readonly Promise<Verdict>[] {
    const riders: Rider[] = []
    const lastOf = new Map<string, Promise<Verdict>>()
    const verdicts = deliveries.map((delivery) => {
      const orderingKey = delivery?.orderingKey
      const before = orderingKey === undefined ? undefined : lastOf.get(orderingKey)
      const verdict = judge(delivery, (course) => {
        const carried = new Promise<Verdict>((decide) => void riders.push({ course, before, decide }))
        return follow(course, signal, carried)
      })
      if (orderingKey !== undefined) lastOf.set(orderingKey, verdict)
      return verdict
    })
    void ride(riders)
    return verdicts
  }

  function readmit(key: string, part?: string): Promise<boolean> {
    const named = { key, scope: part === undefined ? scope : scopeWithin(scope, part) }
    return records.forget([operationId(named.scope, key), counterId(named)]).then((removed) => removed > 0)
  }

  function checkHorizon(horizonMs: number): void {
    if (horizonMs <= retentionMs) return
    const rule = `must not be shorter than the ${horizonMs} ms for which the broker may deliver a message again, or a late copy takes effect twice`
    if (strict) throw invalidOption('retentionMs', rule, retentionMs)
    process.emitWarning(`inbox ${quote(scope)}: \`retentionMs\` (${retentionMs}) ${rule}`, {
      code: 'ONLYONCE_RETENTION',
    })
  }

  if (redeliveryHorizonMs !== undefined) checkHorizon(redeliveryHorizonMs)
  const inbox = Object.assign(receive, { readmit, visibilityMs, checkHorizon })
  // What is only observed is handed over as it comes.
  if (settings.batch === undefined || mode === 'shadow') return inbox
  const ride = batchRun(options as BatchInboxOptions<Tx>, settings, { histories, isLate, pauseMs, attempt })
  const batch: InboxBatch = {
    ...settings.batch,
    receive: (deliveries, signal) => receiveAll(ride, deliveries, signal),
  }
  return Object.assign(inbox, { batch })
}

/** The same handler for messages that go alone. */
function oneByOne<Tx>({ batch: _, handle, ...rest }: BatchInboxOptions<Tx>): AtomicInboxOptions<Tx> {
  return { ...rest, handle: (message, tx, op) => handle([message], tx, [op]) }
}
