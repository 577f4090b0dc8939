import { OnlyonceError } from '../core/errors.ts'
import { quote } from '../core/key.ts'
import { checkEach, type Rule, refuseUnknown } from '../core/option-rules.ts'
import type { Runtime } from '../core/runtime.ts'

/** Options of `fakeRuntime`. */
export interface FakeRuntimeOptions {
  /** Default 2026-01-01 UTC, in ms since 1970. The initial value of `now()`. */
  readonly now?: number
  /** Default 1. Two runtimes with the same seed give the same tokens and random numbers. */
  readonly seed?: number
}

/** A runtime whose time moves only by `advance` and `step`, and whose tokens and random numbers come from a seed. */
export interface FakeRuntime extends Runtime {
  /**
   * Moves time forward and calls each due timer at its own moment, oldest first. Before the first timer, between timers
   * and at the end, all promises settle that need no real I/O; timers that they set take part. Work that waits for a
   * socket or file is not awaited. Rejects with what a timer throws. One call at a time.
   */
  advance(ms: number): Promise<void>
  /** Sets the wall clock forward or back, as an operator or NTP does. Timers and `elapsed` are not affected. */
  step(ms: number): void
  /** How many timers have neither fired nor been cancelled. */
  readonly pending: number
}

interface Timer {
  readonly due: number
  readonly wake: () => void
}

const aNumber: Rule = (value) => (Number.isFinite(value) ? undefined : 'must be a number')

const DEFAULT_NOW = Date.UTC(2026, 0, 1)

/**
 * A runtime whose time stands still until `advance` is called: tests jump instead of waiting.
 * @throws OnlyonceError OPTION_INVALID
 */
export function fakeRuntime(options: FakeRuntimeOptions = {}): FakeRuntime {
  refuseUnknown(options, ['now', 'seed'])
  const { now: start = DEFAULT_NOW, seed = 1 } = Object(options) as FakeRuntimeOptions
  checkEach(aNumber, { now: start, seed })
  const next = randomBits(seed)
  const timers = new Set<Timer>()
  let clock = start
  let elapsed = 0
  let advancing = false

  /** Returns the earliest timer due by `until`; of two due together, the one that was set first. */
  function nextDue(until: number): Timer | undefined {
    let found: Timer | undefined
    for (const timer of timers) {
      if (timer.due <= until && (found === undefined || timer.due < found.due)) found = timer
    }
    return found
  }

  function moveTo(moment: number): void {
    clock += moment - elapsed
    elapsed = moment
  }

  async function fireUntil(target: number): Promise<void> {
    await settle()
    for (let timer = nextDue(target); timer !== undefined; timer = nextDue(target)) {
      timers.delete(timer)
      moveTo(Math.max(timer.due, elapsed))
      timer.wake()
      await settle()
    }
    moveTo(target)
  }

  return {
    now: () => clock,
    elapsed: () => elapsed,
    token: () => Array.from({ length: 4 }, () => next().toString(16).padStart(8, '0')).join(''),
    random: () => next() / 2 ** 32,
    after(ms, wake) {
      const timer = { due: elapsed + Math.max(ms, 0), wake }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    async advance(ms) {
      if (!Number.isFinite(ms) || ms < 0)
        throw new OnlyonceError('OPTION_INVALID', `advance takes milliseconds, 0 or more; got ${quote(ms)}`)
      if (advancing) throw new Error('advance is under way already: await it before calling it again')
      advancing = true
      try {
        await fireUntil(elapsed + ms)
      } finally {
        advancing = false
      }
    },
    step(ms) {
      if (!Number.isFinite(ms))
        throw new OnlyonceError('OPTION_INVALID', `step takes milliseconds, forward or back; got ${quote(ms)}`)
      clock += ms
    },
    get pending() {
      return timers.size
    },
  }
}

/** Waits one turn of the event loop: by its end all promise chains that need no I/O have run. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** mulberry32: 32 random bits per call. Good enough for the schedules and tokens of tests only. */
function randomBits(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}
