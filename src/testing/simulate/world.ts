import type { Dice } from './dice.ts'
import { EventQueue, type Home, type SimEvent } from './event-queue.ts'
import { type FaultPlan, NO_FAULTS } from './faults.ts'

/** 2026-01-01 UTC: fences come from real clocks, so virtual time has the same magnitude. */
export const EPOCH = 1_767_225_600_000

/** A schedule with more steps is going round in circles. */
const MOST_STEPS = 50_000

/** The invariant that a schedule broke, and what was seen. */
export interface Violation {
  /** Its id on the page about verification (docs/explanation/verification.md), such as `I4`. */
  readonly invariant: string
  readonly message: string
}

export interface WorldOptions {
  readonly dice: Dice
  readonly plan: FaultPlan
  /** No faults happen from this moment on. */
  readonly calmFrom: number
  readonly tracing: boolean
}

/** Virtual time, the event queue, and the place where all observations are kept. */
export class World {
  readonly dice: Dice
  readonly calmFrom: number
  /** How often each fault and state was reached. */
  readonly counts = new Map<string, number>()
  readonly trace: string[] | undefined
  violation: Violation | undefined
  now = 0
  steps = 0
  /** Changes with every event: two runs with the same hash went the same way. */
  hash = 0x811c9dc5
  readonly #plan: FaultPlan
  readonly #queue = new EventQueue()
  #order = 0
  #storeStep = 0

  constructor({ dice, plan, calmFrom, tracing }: WorldOptions) {
    this.dice = dice
    this.calmFrom = calmFrom
    this.#plan = plan
    this.trace = tracing ? [] : undefined
  }

  get calm(): boolean {
    return this.now >= this.calmFrom
  }

  get plan(): FaultPlan {
    return this.calm ? NO_FAULTS : this.#plan
  }

  /** The clock of the store. */
  readonly storeNow = (): number => EPOCH + this.now + this.#storeStep

  /** The store's clock is set by an operator or NTP. */
  setStoreClock(byMs: number): void {
    this.count(`fault: store clock set ${byMs < 0 ? 'back' : 'forward'}`)
    this.#storeStep += byMs
  }

  after(ms: number, label: string, run: () => void, life?: Home): SimEvent {
    const event: SimEvent = {
      at: this.now + Math.max(ms, 0),
      tie: this.dice.float(),
      order: this.#order++,
      label,
      life,
      run,
      cancelled: false,
    }
    this.#queue.push(event)
    return event
  }

  /** Lets a delayed event happen now. It can still be cancelled. */
  again(event: SimEvent): void {
    event.at = this.now
    event.tie = this.dice.float()
    this.#queue.push(event)
  }

  /** Like `after`, but at most a moment after the end of the faults: what was delayed arrives in the end. */
  delayed(ms: number, label: string, run: () => void, life?: Home): SimEvent {
    return this.after(Math.min(ms, Math.max(this.calmFrom - this.now, 0) + this.dice.between(1, 10)), label, run, life)
  }

  count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
  }

  note(line: string): void {
    this.trace?.push(`${this.now.toFixed(1).padStart(9)}  ${line}`)
  }

  /** Only the first violation counts: later ones are consequences. */
  violate(invariant: string, message: string): void {
    this.violation ??= { invariant, message }
    if (this.trace !== undefined) this.note(`VIOLATED ${invariant}: ${message}`)
  }

  /** Plays until no event is left, an invariant is broken, or `limit` is reached. Returns whether all is quiet. */
  async play(limit: number): Promise<boolean> {
    await drained()
    for (let event = this.#queue.pop(); event !== undefined; event = this.#queue.pop()) {
      if (event.life?.alive === false) continue
      if (event.at > limit) return false
      this.now = Math.max(this.now, event.at)
      if (event.life !== undefined && !event.life.admits(event)) continue
      if (++this.steps > MOST_STEPS) return false
      this.#mark(event)
      if (this.trace !== undefined) this.note(`${event.life?.name ?? 'world'} ${event.label}`)
      event.run()
      await drained()
      if (this.violation !== undefined) return false
    }
    return true
  }

  #mark({ at, tie }: SimEvent): void {
    this.hash = Math.imul(this.hash ^ (tie * 2 ** 32), 0x01000193)
    this.hash = Math.imul(this.hash ^ (at * 1024), 0x01000193) >>> 0
  }
}

/**
 * Resolves when every promise that can settle has: a tick requested by a promise reaction runs only after the last
 * reaction. Three times faster than a turn of the event loop.
 */
function drained(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}
