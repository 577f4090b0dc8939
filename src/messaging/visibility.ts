import type { Cancel, Runtime } from '../core/runtime.ts'
import type { Delivery } from './delivery.ts'

export interface Visibility {
  /** The broker gave the message to somebody else. */
  readonly lost: boolean
  /** Must be called, however the work ends. */
  stop(): void
}

const NO_LIMIT: Visibility = Object.freeze({ lost: false, stop() {} })

/**
 * Keeps messages that were received together from other consumers, asking the broker every third of `ms`, until each is
 * stopped or lost. A broker that does not answer is asked again: only its answer makes a message lost.
 */
export class VisibleTogether {
  readonly #runtime: Runtime
  readonly #ms: number
  readonly #kept = new Set<Kept>()
  #next: Cancel | undefined

  constructor(runtime: Runtime, ms: number) {
    this.#runtime = runtime
    this.#ms = ms
  }

  keep({ extend }: Delivery, onLost: () => void): Visibility {
    if (extend === undefined) return NO_LIMIT
    const one = new Kept(extend, onLost, (kept) => this.#leave(kept))
    this.#kept.add(one)
    if (this.#next === undefined) this.#askLater()
    return one
  }

  #leave(one: Kept): void {
    if (!this.#kept.delete(one) || this.#kept.size > 0) return
    this.#next?.()
    this.#next = undefined
  }

  #askLater(): void {
    this.#next = this.#runtime.after(this.#ms / 3, () => {
      // The answers are not awaited: a missing one would keep the other messages from being asked for.
      this.#askLater()
      for (const one of [...this.#kept]) void this.#ask(one)
    })
  }

  async #ask(one: Kept): Promise<void> {
    const answer = await one.ask(this.#ms).catch(() => undefined)
    if (answer !== 'lost' || !this.#kept.has(one)) return
    one.lost = true
    this.#leave(one)
    one.onLost()
  }
}

class Kept implements Visibility {
  lost = false
  readonly onLost: () => void
  readonly #extend: NonNullable<Delivery['extend']>
  readonly #leave: (one: Kept) => void

  constructor(extend: NonNullable<Delivery['extend']>, onLost: () => void, leave: (one: Kept) => void) {
    this.#extend = extend
    this.onLost = onLost
    this.#leave = leave
  }

  /** `async`, so that an adapter that throws instead of rejecting counts as one that did not answer. */
  async ask(ms: number): Promise<'ok' | 'lost'> {
    const extend = this.#extend
    return extend(ms)
  }

  stop(): void {
    this.#leave(this)
  }
}
