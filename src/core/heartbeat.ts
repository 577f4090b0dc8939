import type { Cancel, Runtime } from './runtime.ts'
import type { WriteOutcome } from './store.ts'
import { timeLimit } from './time-limit.ts'

export type LossReason =
  /** Another owner holds the operation: certain. */
  | 'taken-over'
  /** No renewal arrived for a whole lease: another owner may hold it. */
  | 'expired'
  /** The attempt used up `maxRunMs` and is no longer renewed. */
  | 'max-run'

/** The lease to renew, and the callbacks of its holder. Times are those of the runtime's `elapsed()`. */
export interface HeldLease {
  readonly runtime: Runtime
  readonly leaseMs: number
  readonly maxRunMs: number
  /** When the claim was *sent*: the lease did not begin before that. */
  readonly askedAt: number
  renew(): Promise<WriteOutcome>
  /** Called after a renewal: the lease holds until then. */
  onRenewed(until: number): void
  /** Called at most once. */
  onLost(reason: LossReason): void
}

/** Renews a lease every third of it until stopped, lost, or `maxRunMs` is over. */
export class Heartbeat {
  readonly #held: HeldLease
  #stopped = false
  #told = false
  #failing = false
  #safeUntil: number
  #cancel: Cancel

  constructor(held: HeldLease) {
    this.#held = held
    this.#safeUntil = held.askedAt + held.leaseMs
    this.#cancel = this.#schedule(held.runtime.elapsed())
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  /** Reports a loss that another write under the lease has found. */
  lost(reason: LossReason): void {
    if (this.#stopped) return
    this.stop()
    this.#lost(reason)
  }

  #schedule(now: number): Cancel {
    const { runtime, leaseMs, maxRunMs, askedAt } = this.#held
    // After a failed renewal the loss must be reported as soon as the lease is over: another owner may start then.
    const untilLost = this.#failing && !this.#told ? this.#safeUntil - now : leaseMs
    // A grant or renewal that took long to be answered is renewed sooner: with a third of the lease left.
    const untilLate = this.#failing ? leaseMs : this.#safeUntil - leaseMs / 3 - now
    const dueMs = Math.min(leaseMs / 3, askedAt + maxRunMs - now, untilLost, untilLate)
    return runtime.after(Math.max(0, dueMs), () => void this.#beat())
  }

  #lost(reason: LossReason): void {
    if (this.#told) return
    this.#told = true
    this.#held.onLost(reason)
  }

  async #beat(): Promise<void> {
    const { runtime, leaseMs, maxRunMs, askedAt } = this.#held
    const sentAt = runtime.elapsed()
    if (sentAt >= askedAt + maxRunMs) return this.#lost('max-run')
    if (this.#failing && sentAt >= this.#safeUntil) this.#lost('expired')
    // A slow store must not keep us from noticing that the lease is over.
    const leftMs = this.#safeUntil - sentAt
    const limitMs = leftMs > 0 ? Math.min(leftMs, leaseMs / 3) : leaseMs / 3
    const outcome = await timeLimit(runtime, this.#held.renew(), limitMs, silent).catch(() => undefined)
    if (this.#stopped) return
    const now = runtime.elapsed()
    if (outcome === 'lost') return this.#lost('taken-over')
    this.#failing = outcome !== 'ok'
    if (outcome === 'ok') {
      this.#safeUntil = sentAt + leaseMs
      this.#held.onRenewed(this.#safeUntil)
    } else if (now >= this.#safeUntil) this.#lost('expired')
    this.#cancel = this.#schedule(now)
  }
}

const silent = () => undefined
