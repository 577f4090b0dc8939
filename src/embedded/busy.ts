import { backoff } from '../core/backoff.ts'
import { OnlyonceError } from '../core/errors.ts'
import { type Runtime, sleep } from '../core/runtime.ts'
import { faultOf } from './faults.ts'

/** Retries `step` while the database is locked. @throws OnlyonceError STORE_UNAVAILABLE after the deadline */
export type WhileBusy = <T>(step: () => T, deadline: number) => Promise<T>

const FIRST_PAUSE_MS = 1
const LONGEST_PAUSE_MS = 20

/** Waits between tries without blocking: the driver's own wait would block the event loop. */
export function createWhileBusy(runtime: Runtime, label: string, busyTimeoutMs: number): WhileBusy {
  return async (step, deadline) => {
    const pauseMs = backoff(runtime, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
    for (;;) {
      try {
        return step()
      } catch (error) {
        const fault = faultOf(error)
        if (fault !== 'busy' && fault !== 'nested') throw error
        if (runtime.elapsed() >= deadline) {
          const who =
            fault === 'nested'
              ? `the caller's own transaction on this connection has been open`
              : `another process, or another connection of this one, has held the write lock of ${label}`
          const message = `${who} for ${busyTimeoutMs} ms; nothing was changed: ask again`
          throw new OnlyonceError('STORE_UNAVAILABLE', message, { cause: error })
        }
      }
      await sleep(runtime, pauseMs())
    }
  }
}
