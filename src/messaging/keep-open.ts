import { OnlyonceError } from '../core/errors.ts'
import { type Runtime, sleep } from '../core/runtime.ts'
import { backoff } from '../core/time-limit.ts'

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 10_000

/**
 * Opens again what was lost, until `ending` aborts. `open` resolves or rejects when what it opened is over. A failure that
 * comes of ending is not reported; one that is a refusal of ours always is.
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
