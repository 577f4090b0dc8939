import { randomFillSync } from 'node:crypto'
import { createTimers } from './timers.ts'

/** Cancels what was scheduled; calling it again, or too late, does nothing. */
export type Cancel = () => void

/**
 * Time, randomness and waiting: everything in the engine that is not a function of its input.
 * Tests pass `fakeRuntime`, the simulator its own; a failing run is then a seed that can be replayed.
 */
export interface Runtime {
  /** Milliseconds since 1970. The clock of stores that run in this process; an operator or NTP may set it. */
  now(): number
  /** Milliseconds since some fixed moment, never set back or forward: what the engine measures time with. */
  elapsed(): number
  /** A fresh random 128-bit token in hex: the name of one owner. */
  token(): string
  /** Uniform in [0, 1): jitter only, nothing that must be secret. */
  random(): number
  /** Calls `wake` once, after `ms`. Every timer belongs to a call that somebody awaits, so it keeps the process alive. */
  after(ms: number, wake: () => void): Cancel
}

const TOKEN_BYTES = 16
/** Asking the system for many tokens at once costs little more than asking for one. */
const pool = Buffer.allocUnsafe(TOKEN_BYTES * 256)
let used = pool.length

function newToken(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += TOKEN_BYTES
  return pool.toString('hex', used - TOKEN_BYTES, used)
}

const elapsed = () => performance.now()

export const systemRuntime: Runtime = Object.freeze({
  now: () => Date.now(),
  elapsed,
  token: newToken,
  random: () => Math.random(),
  after: createTimers(elapsed),
})

/** Resolves after `ms`, or at once when `signal` aborts: the caller looks at the signal, nothing is thrown. */
export function sleep(runtime: Runtime, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const end = () => {
      cancel()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const cancel = runtime.after(ms, end)
    signal?.addEventListener('abort', end, { once: true })
  })
}
