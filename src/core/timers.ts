import { apart } from './apart.ts'

interface Waiting {
  readonly dueAt: number
  /** `undefined` once cancelled or called. */
  wake: (() => void) | undefined
}

/** setTimeout counts in a signed 32-bit integer and fires at once above it. */
const LONGEST_TIMER_MS = 2_147_483_647

/** Below this many, removing cancelled timers costs more than keeping them. */
const FEW = 1_000

/**
 * Timers for time limits, most of which are cancelled. Those of equal length end in the order they were set in, so they
 * share one `setTimeout`, and cancelling sets a flag. The process is kept alive exactly while a timer is pending. Timers
 * wake in no async context.
 */
export function createTimers(elapsed: () => number): (ms: number, wake: () => void) => () => void {
  const lines = new Map<number, Line>()

  class Line {
    readonly #ms: number
    #waiting: Waiting[] = []
    /** Number of valid entries in `#waiting`; those after them are left over from before the last rest. */
    #set = 0
    #live = 0
    #timer: NodeJS.Timeout | undefined

    constructor(ms: number) {
      this.#ms = ms
    }

    add(wake: () => void): () => void {
      const one: Waiting = { dueAt: elapsed() + this.#ms, wake }
      this.#waiting[this.#set++] = one
      this.#live++
      if (this.#timer === undefined) this.#arm(this.#ms)
      else if (this.#live === 1) this.#timer.ref()
      return () => this.#cancel(one)
    }

    #arm(ms: number): void {
      const dueMs = Math.min(Math.max(ms, 0), LONGEST_TIMER_MS)
      this.#timer = apart(() => setTimeout(() => this.#strike(), dueMs))
    }

    #cancel(one: Waiting): void {
      if (one.wake === undefined) return
      one.wake = undefined
      this.#live--
      if (this.#live === 0) this.#rest()
      else if (this.#set > 2 * this.#live + FEW) this.#keep(this.#waiting.filter(isLive))
    }

    #keep(waiting: Waiting[]): void {
      this.#waiting = waiting
      this.#set = waiting.length
    }

    /** Fractional lengths are rarely used again, so their line is removed at once; others only let the process exit. */
    #rest(): void {
      // Most lines rest after almost every call, and a new array each time would cost more than the timer.
      if (this.#set > FEW) this.#waiting = []
      this.#set = 0
      if (Number.isInteger(this.#ms)) this.#timer?.unref()
      else this.#end()
    }

    #end(): void {
      clearTimeout(this.#timer)
      this.#timer = undefined
      lines.delete(this.#ms)
    }

    #strike(): void {
      this.#timer = undefined
      const now = elapsed()
      const waiting = this.#waiting.filter(isLive)
      this.#keep(waiting.filter((one) => one.dueAt > now))
      const [next] = this.#waiting
      if (next !== undefined) this.#arm(next.dueAt - now)
      for (const one of waiting) {
        const { wake } = one
        // Waking one may have cancelled another.
        if (one.dueAt > now || wake === undefined) continue
        one.wake = undefined
        this.#live--
        wake()
      }
      if (this.#live === 0) this.#end()
    }
  }

  let setBy = setTimeout

  return (ms, wake) => {
    // Fake timers have come or gone: a line that rests on the others would wake nobody.
    if (setBy !== setTimeout) lines.clear()
    setBy = setTimeout
    let line = lines.get(ms)
    if (line === undefined) {
      line = new Line(ms)
      lines.set(ms, line)
    }
    return line.add(wake)
  }
}

function isLive(one: Waiting): boolean {
  return one.wake !== undefined
}
