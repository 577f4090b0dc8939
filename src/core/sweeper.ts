import type { Runtime } from './runtime.ts'
import type { Store } from './store.ts'

/** Enough to keep up with any rate of claims that gathers in batches, small enough not to hold a lock for long. */
const SWEEP_LIMIT = 500

export interface SweeperOptions {
  readonly runtime: Runtime
  readonly sweepEveryMs: number
  readonly onFailure: (verb: string, error: unknown) => void
}

export interface Sweeper {
  /** To be called at every claim: records can only pile up where there are claims, so no timer is needed. */
  touch(): void
  /** Resolves when no sweep of ours is under way. */
  drained(): Promise<void>
}

/** Removes what is past its retention, in the background, unless the store does so itself. */
export function createSweeper(store: Store, { runtime, sweepEveryMs, onFailure }: SweeperOptions): Sweeper {
  let dueAt = runtime.elapsed() + sweepEveryMs
  let sweeping: Promise<void> | undefined

  async function sweep(): Promise<void> {
    try {
      const removed = await store.sweep(SWEEP_LIMIT)
      // A full sweep means that more is waiting: go on at the next claim.
      dueAt = removed < SWEEP_LIMIT ? runtime.elapsed() + sweepEveryMs : 0
    } catch (error) {
      dueAt = runtime.elapsed() + sweepEveryMs
      onFailure('sweep', error)
    } finally {
      sweeping = undefined
    }
  }

  return {
    touch() {
      if (store.traits.selfExpiring || sweeping !== undefined || runtime.elapsed() < dueAt) return
      sweeping = sweep()
    },
    drained: async () => sweeping,
  }
}
