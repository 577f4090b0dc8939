import { backoff } from '../core/backoff.ts'
import { OnlyonceError } from '../core/errors.ts'
import { type Runtime, sleep } from '../core/runtime.ts'

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 10_000

/**
 * Calls `open` again whenever it has ended, with back-off, until `ending` aborts. `open` settles when what it opened is
 * over. Failures after `ending` aborted are not reported, except an OnlyonceError.
 */
export async function keepOpen(
  runtime: Runtime,
  ending: AbortSignal,
  open: () => Promise<void>,
  onFailure: (error: unknown) => void,
): Promise<void> {
  let pauseMs = backoff(runtime, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
  while (!ending.aborted) {
    const openedAt = runtime.elapsed()
    try {
      await open()
    } catch (error) {
      if (!ending.aborted || OnlyonceError.is(error)) onFailure(error)
    }
    if (runtime.elapsed() - openedAt > LONGEST_PAUSE_MS) pauseMs = backoff(runtime, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
    await sleep(runtime, pauseMs(), ending)
  }
}
