import { aFunction, checkEach, invalidOption, positive } from '../core/option-rules.ts'
import { tell } from '../core/reporting.ts'
import type { Delivery, Verdict } from './delivery.ts'
import type { BatchRules, InboxEngine } from './inbox-options.ts'

/**
 * What happened to a message, or to the connection. `settled`: the message has its verdict; `tookMs` is the time since
 * it was received.
 */
export type ConsumerEvent =
  | { readonly type: 'settled'; readonly delivery: Delivery; readonly verdict: Verdict; readonly tookMs: number }
  /** The broker failed or did not answer. The request is repeated, or the broker delivers the message again. */
  | { readonly type: 'broker-failed'; readonly verb: 'receive' | 'settle' | 'extend'; readonly error: unknown }

/** How many messages a consumer handles at once, and whom it tells. */
export interface ConsumerOptions {
  /** Default 16, or `batch.maxSize` if larger. Messages handled concurrently; each one in a batch counts. */
  readonly concurrency?: number
  /** Default: the same as `concurrency`. How many more messages are fetched ahead. */
  readonly prefetch?: number
  /** Told of every message that is settled, and of every call that the broker fails. Default: nobody. */
  readonly onEvent?: (event: ConsumerEvent) => void
}

/** As `ConsumerOptions`, of a consumer that asks for messages again and again. */
export interface PullOptions extends ConsumerOptions {
  /** Default 100. Longest wait before the broker is asked again. */
  readonly pollMs?: number
}

/**
 * A running consumer, until it is stopped. What the broker fails is told as `broker-failed` and asked again; a lost
 * connection is opened again where onlyonce opened it.
 */
export interface Consumer extends AsyncDisposable {
  /**
   * Takes nothing new, lets running handlers finish and gives the rest back; resolves when the broker has been told.
   * For messages that were only held the engine goes on waiting until `once.close()`.
   */
  stop(): Promise<void>
  /**
   * Takes nothing new until `resume`; resolves when the broker has answered what it was asked before. Messages taken
   * before are handled, or given back.
   */
  pause(): Promise<void>
  /** Takes new messages again. */
  resume(): void
  /**
   * Forgets the outcome of the message with this key, so that it is handled when it is delivered again. `part`: what
   * the option `scope` returns for it. Returns whether there was anything to forget.
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
  // An invalid `maxSize` is refused by the inbox.
  const maxSize = Number.isSafeInteger(batch?.maxSize) ? (batch?.maxSize as number) : 1
  const { concurrency = Math.max(maxSize, 16), prefetch = concurrency, pollMs = 100, onEvent = () => {} } = given
  checkEach(positive, { concurrency, pollMs })
  if (prefetch !== 0) checkEach(positive, { prefetch })
  if (concurrency < maxSize)
    throw invalidOption('concurrency', `must not be smaller than batch.maxSize (${maxSize})`, concurrency)
  checkEach(aFunction, { onEvent })
  return { concurrency, prefetch, pollMs, onEvent: harmless(onEvent, { once: once as Listened['once'] }) }
}

interface Listened {
  readonly once: Pick<InboxEngine, 'options'>
}

/** Wraps a listener: what it throws goes to the engine's `onListenerError` and does not affect any message. */
export function harmless(onEvent: (event: ConsumerEvent) => void, { once }: Listened): (event: ConsumerEvent) => void {
  return (event) => tell(onEvent, event, (error) => once.options.onListenerError(error))
}

/** Returns the same consumer with `end` as its `stop`; `end` is called at most once. */
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
