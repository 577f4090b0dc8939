import { OnlyonceError } from '../../core/errors.ts'
import { report, reportRejection } from '../../core/events.ts'
import { sleep } from '../../core/runtime.ts'
import type { CompleterEvent } from './events.ts'
import { type CompleterOptions, resolveCompleter } from './options.ts'
import { createRounds, type RoundReport } from './round.ts'

/** Carries on what others left behind, until it is stopped. */
export interface Completer extends AsyncDisposable {
  /** Begins to look for abandoned operations, at once and then every `everyMs`. Calling it again does nothing. */
  start(): void
  /** Begins nothing new; resolves when the handlers that run have ended. Cannot be started again. */
  stop(): Promise<void>
  /**
   * One round, for a process that somebody else starts now and then. Those of one completer never overlap.
   * @throws OnlyonceError STORE_UNAVAILABLE, CLOSED
   */
  round(): Promise<RoundReport>
}

/**
 * Ends operations whose owners disappeared, without a client that asks again: each is claimed as its next attempt, with
 * the steps that are finished, under the engine's own lease and fence. Run one in every process: the claim decides.
 * @throws OnlyonceError OPTION_INVALID
 */
export function completer(given: CompleterOptions): Completer {
  const options = resolveCompleter(given)
  const { everyMs, onEvent, once } = options
  const { runtime, onListenerError } = once.options
  const stopping = new AbortController()
  const { signal } = stopping
  let running: Promise<void> | undefined
  let last: Promise<unknown> = Promise.resolve()

  const tell = (event: CompleterEvent) => {
    try {
      reportRejection(onListenerError, onEvent(event))
    } catch (error) {
      report(onListenerError, error)
    }
  }
  const inTurn = createRounds(options, tell)

  const round = (): Promise<RoundReport> => {
    const next = last.then(() => inTurn(signal))
    last = next.catch(() => {})
    return next
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      let more = false
      try {
        more = (await round()).more
      } catch (error) {
        // Whoever closes the engine has no use for the completer either.
        if (OnlyonceError.is(error) && error.code === 'CLOSED') return
        tell({ type: 'store-failed', error })
      }
      // At random, so that several completers do not look at the same moment.
      await sleep(runtime, more ? 0 : everyMs * (0.5 + runtime.random() / 2), signal)
    }
  }

  const stop = async (): Promise<void> => {
    stopping.abort()
    await running
    await last
  }

  return {
    start() {
      if (!signal.aborted) running ??= run()
    },
    stop,
    round,
    [Symbol.asyncDispose]: stop,
  }
}
