import type { Runtime } from './runtime.ts'
import type { WriteOutcome } from './store.ts'
import { timeLimit } from './time-limit.ts'

export type LossReason =
  /** Another owner holds the operation: certain. */
  | 'taken-over'
  /** No renewal arrived for a whole lease: another owner may hold it. */
  | 'expired'
  /** The attempt used up `maxRunMs` and is no longer renewed. */
  | 'max-run'

export interface HeartbeatOptions {
  readonly runtime: Runtime
  readonly leaseMs: number
  readonly maxRunMs: number
  /** When the claim was *sent*: the lease cannot be older than that. */
  readonly askedAt: number
  readonly renew: () => Promise<WriteOutcome>
  /** Called at most once. */
  readonly onLost: (reason: LossReason) => void
}

const silent = () => undefined

/** Renews a lease every third of it until stopped, lost, or `maxRunMs` is over. Answers the stop function. */
export function startHeartbeat(options: HeartbeatOptions): () => void {
  const { runtime, leaseMs, maxRunMs, askedAt, renew, onLost } = options
  const lastBeatAt = askedAt + maxRunMs
  let stopped = false
  let told = false
  let safeUntil = askedAt + leaseMs
  let cancel = schedule()

  function schedule(): () => void {
    const untilMaxRun = lastBeatAt - runtime.elapsed()
    return runtime.after(Math.max(0, Math.min(leaseMs / 3, untilMaxRun)), () => void beat())
  }

  function lost(reason: LossReason): void {
    if (told) return
    told = true
    onLost(reason)
  }

  async function beat(): Promise<void> {
    const sentAt = runtime.elapsed()
    if (sentAt >= lastBeatAt) return lost('max-run')
    // A store that is slower than the lease must not keep us from noticing that the lease is over.
    const outcome = await timeLimit(runtime, renew(), leaseMs / 3, silent).catch(() => undefined)
    if (stopped) return
    if (outcome === 'lost') return lost('taken-over')
    if (outcome === 'ok') safeUntil = sentAt + leaseMs
    else if (runtime.elapsed() >= safeUntil) lost('expired')
    cancel = schedule()
  }

  return () => {
    stopped = true
    cancel()
  }
}
