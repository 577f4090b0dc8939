import type { Call, EngineContext } from './context.ts'
import { OnlyonceError } from './errors.ts'
import { Heartbeat, type Held, type LossReason } from './heartbeat.ts'
import { quote } from './key.ts'
import type { Operation } from './once.ts'
import { RunningOperation } from './operation.ts'
import type { Lease, Steps } from './record.ts'
import type { Cancel, Runtime } from './runtime.ts'
import type { Renewal, WriteOutcome } from './store.ts'
import type { StoreCalls } from './store-calls.ts'

export interface Grant {
  readonly lease: Lease
  readonly attempt: number
  readonly starts: number
  /** Of earlier attempts, to be added to; `undefined` where nothing is remembered. */
  readonly steps: Steps | undefined
  /** When the claim was sent, by this process's clock. */
  readonly askedAt: number
}

/** Thrown into a call whose work did not end within a lease of being told to stop: it is left behind, still running. */
export class LeftBehind extends Error {
  readonly loss: OnlyonceError
  constructor(loss: OnlyonceError) {
    super(loss.message)
    this.loss = loss
  }
}

const WHY: Record<LossReason, string> = {
  'taken-over': 'another owner took it over',
  expired: 'the store could not be reached for a whole lease',
  'max-run': 'it ran longer than maxRunMs',
}

/**
 * Runs `work` while a heartbeat renews the lease; however `work` ends, the heartbeat stops.
 * When the lease is lost, the signal aborts, and work that goes on for another lease is left behind, so that a hung
 * effect holds neither the key nor the caller for ever.
 * @throws LeftBehind, or whatever `work` throws
 */
export function whileHolding<T>(
  context: EngineContext,
  call: Call,
  grant: Grant,
  work: (op: Operation) => Promise<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const holding = new Holding(context, call, grant, reject)
    work(holding.op).then(
      (value) => {
        holding.end()
        resolve(value)
      },
      (error) => {
        holding.end()
        reject(error)
      },
    )
  })
}

class Holding implements Held {
  readonly runtime: Runtime
  readonly leaseMs: number
  readonly maxRunMs: number
  readonly askedAt: number
  readonly op: RunningOperation
  readonly #calls: StoreCalls
  readonly #key: string
  readonly #renewal: Renewal
  readonly #leave: (left: LeftBehind) => void
  readonly #heartbeat: Heartbeat
  #cancelGrace: Cancel | undefined

  constructor(
    { calls, runtime }: EngineContext,
    { named, options }: Call,
    { lease, attempt, starts, steps, askedAt }: Grant,
    leave: (left: LeftBehind) => void,
  ) {
    const { leaseMs, maxRunMs, retentionMs } = options
    const { owner, fence } = lease
    this.runtime = runtime
    this.leaseMs = leaseMs
    this.maxRunMs = maxRunMs
    this.askedAt = askedAt
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
  }

  async #saveSteps(steps: Steps): Promise<void> {
    if ((await this.#calls.renew({ ...this.#renewal, steps })) === 'lost') throw leaseLost(this.#key, WHY['taken-over'])
  }
}

export function leaseLost(key: string, why: string, cause?: unknown): OnlyonceError {
  return new OnlyonceError(
    'LEASE_LOST',
    `the lease of ${quote(key)} was lost: ${why}; ask again with the same key to learn how it ended`,
    cause === undefined ? {} : { cause },
  )
}
