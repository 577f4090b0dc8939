import { report, reportRejection } from '../core/events.ts'
import { invalidOption } from '../core/options.ts'
import type { Delivery, Verdict } from './delivery.ts'
import type { BatchRules, InboxEngine } from './inbox-options.ts'

export type ConsumerEvent =
  | { readonly type: 'settled'; readonly delivery: Delivery; readonly verdict: Verdict; readonly tookMs: number }
  /** The broker did not answer; it is asked again, or delivers the message again. */
  | { readonly type: 'broker-failed'; readonly verb: 'receive' | 'settle' | 'extend'; readonly error: unknown }

export interface PullOptions {
  /** Default 16, or `batch.maxSize` where that is more. How many messages are handled side by side; those of a batch count one by one. */
  readonly concurrency?: number
  /** Default: as many as `concurrency`. How many more are fetched ahead. */
  readonly prefetch?: number
  /** Default 100. The longest wait before the broker is asked again. */
  readonly pollMs?: number
  readonly onEvent?: (event: ConsumerEvent) => void
}

export interface Consumer extends AsyncDisposable {
  /**
   * Takes nothing new, lets running handlers finish, gives the rest back; resolves when all of it is told. For what was held
   * the engine goes on waiting until `once.close()`.
   */
  stop(): Promise<void>
  /** Takes nothing new until `resume`; what was taken is handled. */
  pause(): void
  resume(): void
  /**
   * Forgets what became of the message with this key, so that it is handled when it is delivered again. `part`: what the
   * option `scope` answers for it.
   */
  readmit(key: string, part?: string): Promise<boolean>
  /** Messages being handled now. */
  readonly running: number
}

/** @throws OnlyonceError OPTION_INVALID */
export function checkedPullOptions(
  given: { readonly [Name in keyof PullOptions]: PullOptions[Name] | undefined },
  { once, batch }: Partial<Listened & { readonly batch?: Partial<BatchRules> | undefined }>,
) {
  // One that is no number is refused by the inbox.
  const maxSize = Number.isSafeInteger(batch?.maxSize) ? (batch?.maxSize as number) : 1
  const { concurrency = Math.max(maxSize, 16), prefetch = concurrency, pollMs = 100, onEvent = () => {} } = given
  for (const [name, value] of Object.entries({ concurrency, prefetch: prefetch + 1, pollMs })) {
    if (!Number.isSafeInteger(value) || value <= 0) throw invalidOption(name, 'must be a positive integer', value)
  }
  if (concurrency < maxSize)
    throw invalidOption('concurrency', `must not be smaller than batch.maxSize (${maxSize})`, concurrency)
  if (typeof onEvent !== 'function') throw invalidOption('onEvent', 'must be a function', onEvent)
  return { concurrency, prefetch, pollMs, onEvent: harmless(onEvent, { once: once as Listened['once'] }) }
}

interface Listened {
  readonly once: Pick<InboxEngine, 'options'>
}

/** A listener that throws is reported to the engine's `onListenerError`, and changes nothing of what happens to a message. */
export function harmless(onEvent: (event: ConsumerEvent) => void, { once }: Listened): (event: ConsumerEvent) => void {
  const tell = (error: unknown) => once.options.onListenerError(error)
  return (event) => {
    try {
      reportRejection(tell, onEvent(event))
    } catch (error) {
      report(tell, error)
    }
  }
}

/** The same consumer, which ends in another way. */
export function endedBy(consumer: Consumer, end: () => Promise<void>): Consumer {
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= end()
    return stopped
  }
  return {
    stop,
    pause: consumer.pause,
    resume: consumer.resume,
    readmit: consumer.readmit,
    get running() {
      return consumer.running
    },
    [Symbol.asyncDispose]: stop,
  }
}
