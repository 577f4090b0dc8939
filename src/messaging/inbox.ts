import { OnlyonceError, reasonOf } from '../core/errors.ts'
import { operationId, quote } from '../core/key.ts'
import { timeLimit } from '../core/time-limit.ts'
import { atomicRun, type Course, leasedRun, type Named } from './course.ts'
import type { Delivery, Verdict } from './delivery.ts'
import { counterId, createHistories } from './history.ts'
import { type AtomicInboxOptions, type InboxOptions, type LeasedInboxOptions, resolveInbox } from './inbox-options.ts'
import { suspectsAlone } from './suspects.ts'
import { deadLetter, fullJitter, NOT_OURS, retry, verdictOf, verdictOfError } from './verdict.ts'
import { keepVisible } from './visibility.ts'

export type { Delivery, Verdict } from './delivery.ts'
export type { AtomicInboxOptions, InboxEngine, InboxOptions, InboxRules, LeasedInboxOptions } from './inbox-options.ts'
export { type Message, Unprocessable } from './message.ts'

export interface Inbox {
  /**
   * Handles one message once, however often it is delivered, and says what to tell the broker. Never throws.
   * When `signal` aborts, a delivery that is only being held is given back at once; a handler that runs is waited for.
   */
  (delivery: Delivery, signal?: AbortSignal): Promise<Verdict>
  /** Forgets what became of a message, attempts included, so that it is handled when it is delivered again. */
  readmit(key: string): Promise<boolean>
  /** For how long a delivery should be kept from others when it is received: what `extend` asks for each time. */
  readonly visibilityMs: number
}

/**
 * Makes the function that every broker adapter calls for every delivery.
 * @throws OnlyonceError OPTION_INVALID
 */
export function inbox(options: LeasedInboxOptions): Inbox
export function inbox<Tx>(options: AtomicInboxOptions<Tx>): Inbox
export function inbox<Tx>(options: InboxOptions<Tx>): Inbox
export function inbox<Tx>(options: InboxOptions<Tx>): Inbox {
  const settings = resolveInbox(options)
  const { scope, visibilityMs } = settings
  const { once, key: keyOf = (delivery: Delivery) => delivery.id, fingerprint } = options
  const { runtime, storeTimeoutMs } = once.options
  const pauseMs = (starts: number) => fullJitter(runtime, settings, starts)
  const histories = createHistories(once, options.mode)
  const runAtOnce =
    options.mode === 'leased'
      ? leasedRun(options as LeasedInboxOptions, settings)
      : atomicRun(options as AtomicInboxOptions<Tx>, settings)
  const run = suspectsAlone(runAtOnce, histories, runtime, settings.call.waitMs)

  function nameOf(delivery: Delivery): Named {
    const key = keyOf(delivery)
    if (fingerprint === undefined) return { key, scope, payload: delivery.body }
    return { key, scope, fingerprint: fingerprint(delivery) }
  }

  async function attempt(course: Course): Promise<Verdict> {
    try {
      const outcome = await run(course, 'wait')
      if (course.withdrawn !== undefined && !course.handling) return course.withdrawn
      if (outcome.kind === 'failed' && !course.counted) histories.ended(course.named)
      return verdictOf(course.delivery, outcome, course, pauseMs)
    } catch (error) {
      return verdictOfError(error, pauseMs)
    }
  }

  async function follow(course: Course, signal?: AbortSignal): Promise<Verdict> {
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
      const verdict = await Promise.race([attempt(course), givenBack])
      return visibility.lost ? NOT_OURS : verdict
    } finally {
      signal?.removeEventListener('abort', stopping)
      visibility.stop()
    }
  }

  async function receive(delivery: Delivery, signal?: AbortSignal): Promise<Verdict> {
    try {
      if (typeof delivery?.id !== 'string' || !(delivery.body instanceof Uint8Array))
        return deadLetter('the broker handed over something that is not a message with an id and a body of bytes')
      let named: Named
      try {
        named = nameOf(delivery)
      } catch (error) {
        return deadLetter(`message ${quote(delivery.id)} has no key: ${reasonOf(error)}`)
      }
      return await follow(
        { delivery, named, starts: 1, counted: false, handling: false, parked: false, withdrawn: undefined },
        signal,
      )
    } catch (error) {
      return retry(pauseMs(1), `the inbox failed: ${reasonOf(error)}`)
    }
  }

  async function readmit(key: string): Promise<boolean> {
    const ids = [operationId(scope, key), counterId({ scope, key })]
    const late = () =>
      new OnlyonceError('STORE_UNAVAILABLE', `the ${once.store.name} store did not forget ${quote(key)} in time`)
    return (await timeLimit(runtime, once.store.forget(ids), storeTimeoutMs, late)) > 0
  }

  return Object.assign(receive, { readmit, visibilityMs })
}
