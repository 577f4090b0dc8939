import { apart } from './apart.ts'
import { type Runtime, sleep } from './runtime.ts'
import type { Store } from './store.ts'
import { timeLimit } from './time-limit.ts'

/** Large enough to keep up with batched claims, small enough not to hold a lock for long. */
const SWEEP_LIMIT = 500

export interface SweeperOptions {
  readonly runtime: Runtime
  readonly sweepEveryMs: number
  /** Time limit of one sweep: an unanswered sweep must block neither later ones nor `close`. */
  readonly storeTimeoutMs: number
  readonly onFailure: (verb: string, error: unknown) => void
}

/** A sweeper that runs until it is stopped. */
export interface RunningSweeper extends AsyncDisposable {
  /** Stops the sweeper; resolves when the current sweep is over. `once.close()` does the same. */
  stop(): Promise<void>
}

export interface Sweeper {
  /** Call at every claim: records accumulate only where there are claims, so no timer is needed. */
  touch(): void
  /** Sweeps all expired records at once, and again every `everyMs`, whether or not there are claims. */
  run(everyMs: number): RunningSweeper
  /** Stops running sweepers; resolves when no sweep is in progress. */
  drained(): Promise<void>
}

/** Removes records past their retention in the background, unless the store does so itself. */
export function createSweeper(store: Store, options: SweeperOptions): Sweeper {
  const { runtime, sweepEveryMs, storeTimeoutMs, onFailure } = options
  let dueAt = runtime.elapsed() + sweepEveryMs
  let sweeping: Promise<void> | undefined

  const silent = () => new Error(`no answer within ${storeTimeoutMs} ms`)

  async function sweepSome(): Promise<number> {
    return await timeLimit(runtime, store.sweep(SWEEP_LIMIT), storeTimeoutMs, silent)
  }

  async function sweep(): Promise<void> {
    try {
      const removed = await sweepSome()
      // The limit was reached, so there is more to remove: sweep again at the next claim.
      dueAt = removed < SWEEP_LIMIT ? runtime.elapsed() + sweepEveryMs : 0
    } catch (error) {
      dueAt = runtime.elapsed() + sweepEveryMs
      onFailure('sweep', error)
    } finally {
      sweeping = undefined
    }
  }

  const running = new Set<() => Promise<void>>()

  /** Sweeps batch by batch, so that claims can run in between. */
  async function sweepAll(stopping: AbortSignal): Promise<void> {
    try {
      while (!stopping.aborted && (await sweepSome()) >= SWEEP_LIMIT) await sleep(runtime, 0)
    } catch (error) {
      onFailure('sweep', error)
    }
  }

  function run(everyMs: number): RunningSweeper {
    const stopping = new AbortController()
    const { signal } = stopping
    const loop = async () => {
      while (!signal.aborted) {
        if (!store.traits.selfExpiring) await sweepAll(signal)
        await sleep(runtime, everyMs, signal)
      }
    }
    const ended = apart(loop)
    const stop = () => {
      running.delete(stop)
      stopping.abort()
      return ended
    }
    running.add(stop)
    return { stop, [Symbol.asyncDispose]: stop }
  }

  return {
    run,
    touch() {
      if (store.traits.selfExpiring || sweeping !== undefined || runtime.elapsed() < dueAt) return
      sweeping = apart(sweep)
    },
    async drained() {
      await Promise.all([...running].map((stop) => stop()))
      await sweeping
    },
  }
}
