import type { Call, EngineContext } from './context.ts'
import { OnlyonceError } from './errors.ts'
import type { LeadingFlight } from './flights.ts'
import { Heartbeat, type HeldLease, type LossReason } from './heartbeat.ts'
import { quote } from './key.ts'
import { RunningOperation } from './operation.ts'
import type { Lease, Steps } from './record.ts'
import type { Cancel, Runtime } from './runtime.ts'
import type { Renewal, WriteOutcome } from './store.ts'
import type { StoreCalls } from './store-calls.ts'

export interface Grant {
  readonly lease: Lease
  readonly attempt: number
  readonly starts: number
  /** Steps saved by earlier attempts; `undefined` for a lock, whose steps are not saved. */
  readonly steps: Steps | undefined
  /** When the claim was sent, by the runtime's `elapsed()`. */
  readonly askedAt: number
  /** The lease is known to hold until then. */
  readonly heldUntil: number
}

/** Rejects a call whose work did not end within one lease after its signal aborted: the work is left running. */
export class LeftBehind extends Error {
  readonly loss: OnlyonceError
  constructor(loss: OnlyonceError) {
    super(loss.message)
    this.loss = loss
  }
}

const WHY: Record<LossReason, string> = {
  'taken-over': 'another owner took it over, or it was forgotten',
  expired: 'the store could not be reached for a whole lease',
  'max-run': 'it ran longer than maxRunMs',
}

/** What `work` resolved to, and until when its lease was known to hold. */
export interface Held<T> {
  readonly ended: T
  readonly heldUntil: number
}

/**
 * Runs `work` while a heartbeat renews the lease; however `work` ends, the heartbeat stops.
 * When the lease is lost, the signal aborts. Work that has not ended another `leaseMs` later is left behind, so that a
 * hung effect holds neither the key nor the caller for ever.
 * @throws LeftBehind, or whatever `work` throws
 */
export function whileHolding<T>(
  context: EngineContext,
  call: Call,
  grant: Grant,
  leading: LeadingFlight,
  work: (op: RunningOperation) => Promise<T>,
): Promise<Held<T>> {
  return new Promise<Held<T>>((resolve, reject) => {
    const holding = new Holding(context, call, grant, leading, reject)
    work(holding.op).then(
      (ended) => {
        holding.end()
        resolve({ ended, heldUntil: holding.heldUntil })
      },
      (error) => {
        holding.end()
        reject(error)
      },
    )
  })
}

class Holding implements HeldLease {
  readonly runtime: Runtime
  readonly leaseMs: number
  readonly maxRunMs: number
  readonly askedAt: number
  readonly op: RunningOperation
  heldUntil: number
  readonly #leading: LeadingFlight
  readonly #calls: StoreCalls
  readonly #key: string
  readonly #renewal: Renewal
  readonly #leave: (left: LeftBehind) => void
  readonly #heartbeat: Heartbeat
  #cancelGrace: Cancel | undefined

  constructor(
    { calls, runtime }: EngineContext,
    { named, options }: Call,
    { lease, attempt, starts, steps, askedAt, heldUntil }: Grant,
    leading: LeadingFlight,
    leave: (left: LeftBehind) => void,
  ) {
    const { leaseMs, maxRunMs, retentionMs } = options
    const { owner, fence } = lease
    this.runtime = runtime
    this.leaseMs = leaseMs
    this.maxRunMs = maxRunMs
    this.askedAt = askedAt
    this.heldUntil = heldUntil
    this.#leading = leading
    this.#calls = calls
    this.#key = named.key
    this.#renewal = { lease, leaseMs, retentionMs }
    this.#leave = leave
    const saveSteps = steps === undefined ? undefined : (done: Steps) => this.#saveSteps(done)
    this.op = new RunningOperation({ named, attempt, starts, fence, owner, steps: steps ?? [], saveSteps })
    this.#heartbeat = new Heartbeat(this)
  }

  renew(): Promise<WriteOutcome> {
    return this.#calls.renew(this.#renewal)
  }

  onRenewed(until: number): void {
    this.heldUntil = until
    this.#leading.renewed(until)
  }

  onLost(reason: LossReason): void {
    const loss = leaseLost(this.#key, WHY[reason])
    RunningOperation.abort(this.op, loss)
    this.#cancelGrace = this.runtime.after(this.leaseMs, () => {
      this.end()
      this.#leave(new LeftBehind(loss))
    })
  }

  end(): void {
    this.#heartbeat.stop()
    this.#cancelGrace?.()
    RunningOperation.end(this.op)
  }

  async #saveSteps(steps: Steps): Promise<void> {
    if ((await this.#calls.renew({ ...this.#renewal, steps })) === 'ok') return
    this.#heartbeat.lost('taken-over')
    throw leaseLost(this.#key, WHY['taken-over'])
  }
}

export function leaseLost(key: string, why: string, cause?: unknown): OnlyonceError {
  return new OnlyonceError(
    'LEASE_LOST',
    `the lease of ${quote(key)} was lost: ${why}; ask again with the same key to learn how it ended`,
    cause === undefined ? {} : { cause },
  )
}
