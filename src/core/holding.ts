import type { Call, EngineContext } from './context.ts'
import { OnlyonceError } from './errors.ts'
import { type LossReason, startHeartbeat } from './heartbeat.ts'
import { quote } from './key.ts'
import type { Operation } from './once.ts'
import { createOperation } from './operation.ts'
import type { Lease, Steps } from './record.ts'

export interface Grant {
  readonly lease: Lease
  readonly attempt: number
  readonly starts: number
  /** Of earlier attempts, to be added to; left out where nothing is remembered. */
  readonly steps?: Steps
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
  { calls, runtime }: EngineContext,
  { named, options }: Call,
  { lease, attempt, starts, steps, askedAt }: Grant,
  work: (op: Operation) => Promise<T>,
): Promise<T> {
  const { leaseMs, maxRunMs, retentionMs } = options
  return new Promise<T>((resolve, reject) => {
    let cancelGrace = () => {}
    const abort = (loss: OnlyonceError) => {
      control.abort(loss)
      cancelGrace = runtime.after(leaseMs, () => end(() => reject(new LeftBehind(loss))))
    }
    const saveSteps = async (done: Steps) => {
      if ((await calls.renew({ lease, leaseMs, retentionMs, steps: done })) === 'lost')
        throw leaseLost(named.key, WHY['taken-over'])
    }
    const control = createOperation({
      named,
      attempt,
      starts,
      fence: lease.fence,
      owner: lease.owner,
      ...(steps === undefined ? { steps: [] } : { steps, saveSteps }),
    })
    const stop = startHeartbeat({
      runtime,
      leaseMs,
      maxRunMs,
      askedAt,
      renew: () => calls.renew({ lease, leaseMs, retentionMs }),
      onLost: (reason) => abort(leaseLost(named.key, WHY[reason])),
    })
    const end = (tell: () => void) => {
      stop()
      cancelGrace()
      tell()
    }
    work(control.op).then(
      (value) => end(() => resolve(value)),
      (error) => end(() => reject(error)),
    )
  })
}

export function leaseLost(key: string, why: string, cause?: unknown): OnlyonceError {
  return new OnlyonceError(
    'LEASE_LOST',
    `the lease of ${quote(key)} was lost: ${why}; ask again with the same key to learn how it ended`,
    cause === undefined ? {} : { cause },
  )
}
