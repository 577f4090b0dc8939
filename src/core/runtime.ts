import { randomFillSync } from 'node:crypto'
import { createTimers } from './timers.ts'

/** Cancels a timer; has no effect when called again or too late. */
export type Cancel = () => void

/**
 * Time, randomness and waiting: everything in the engine that is not a function of its input.
 * Tests pass `fakeRuntime`, the simulator its own; a failing run is then a seed that can be replayed.
 */
export interface Runtime {
  /** Milliseconds since 1970. The clock of stores that run in this process; an operator or NTP may set it. */
  now(): number
  /** Milliseconds by a monotonic clock: what the engine measures time with. */
  elapsed(): number
  /** Returns a new random 128-bit token in hex, which identifies one owner. */
  token(): string
  /** Uniform in [0, 1): for jitter only, not for secrets. */
  random(): number
  /** Calls `wake` once, after `ms`. The timer keeps the process alive: it belongs to a call that is awaited. */
  after(ms: number, wake: () => void): Cancel
}

const TOKEN_BYTES = 16
/** Random bytes for many tokens at once cost little more than those for one. */
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

/** The clocks, randomness and timers of this process: the default of every `runtime` option. */
export const systemRuntime: Runtime = Object.freeze({
  now: () => Date.now(),
  elapsed,
  token: newToken,
  random: () => Math.random(),
  after: createTimers(elapsed),
})

/** Resolves after `ms`, or as soon as `signal` aborts. Never rejects: the caller checks the signal. */
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
