import { apart } from '../../core/apart.ts'
import { OnlyonceError } from '../../core/errors.ts'
import { oneAtATime } from '../../core/one-at-a-time.ts'
import { tell } from '../../core/reporting.ts'
import { sleep } from '../../core/runtime.ts'
import type { CompleterEvent } from './events.ts'
import { type CompleterOptions, resolveCompleter } from './options.ts'
import { createRounds, type RoundReport } from './round.ts'

/** Carries on abandoned operations until it is stopped. */
export interface Completer extends AsyncDisposable {
  /** Starts looking for abandoned operations, at once and then every `everyMs`. Calling it again does nothing. */
  start(): void
  /** Starts nothing new; resolves when running handlers have ended. It cannot be started again. */
  stop(): Promise<void>
  /**
   * Runs one round, for a process that is started from time to time. Rounds of one completer never overlap.
   * @throws OnlyonceError STORE_UNAVAILABLE, CLOSED
   */
  round(): Promise<RoundReport>
}

/**
 * Completes operations whose owners disappeared, without a retry by their clients: each is claimed as its next attempt,
 * with its finished steps, under the engine's lease and fence. It may run in every process: the claim decides.
 * @throws OnlyonceError OPTION_INVALID
 */
export function completer(given: CompleterOptions): Completer {
  const options = resolveCompleter(given)
  const { everyMs, onEvent, once } = options
  const { runtime, onListenerError } = once.options
  const stopping = new AbortController()
  const { signal } = stopping
  let running: Promise<void> | undefined

  const emit = (event: CompleterEvent) => tell(onEvent, event, onListenerError)
  const oneRound = createRounds(options, emit)
  const inTurn = oneAtATime()

  const round = (): Promise<RoundReport> => inTurn(() => oneRound(signal))

  async function run(): Promise<void> {
    while (!signal.aborted) {
      let more = false
      try {
        more = (await round()).more
      } catch (error) {
        // The engine was closed, so the completer ends too.
        if (OnlyonceError.is(error) && error.code === 'CLOSED') return
        emit({ type: 'store-failed', error })
      }
      // Randomised, so that several completers do not run at the same moment.
      await sleep(runtime, more ? 0 : everyMs * (0.5 + runtime.random() / 2), signal)
    }
  }

  const stop = async (): Promise<void> => {
    stopping.abort()
    await running
    await inTurn(async () => {})
  }

  return {
    start() {
      if (!signal.aborted) running ??= apart(run)
    },
    stop,
    round,
    [Symbol.asyncDispose]: stop,
  }
}
